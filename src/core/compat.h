/*-------------------------------------------------------------------------
 *
 * compat.h
 *		The one place where PostgreSQL majors 13 to 18 differ for us.
 *
 * Every .c file includes this header first, in place of postgres.h and
 * fmgr.h.  Each shim gives older servers the newer name, so that the code
 * reads as if written for the newest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_COMPAT_H
#define RECSYS_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 130000
#error "recsys needs PostgreSQL 13 or later"
#endif

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Until 16 the marker was empty: with -fvisibility=hidden it must not be. */
#if PG_VERSION_NUM < 160000 && !defined(WIN32)
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

/* Declares and registers a C function that SQL calls; its name starts with recsys_. */
#define RECSYS_FUNCTION(name) \
	PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

/* gone in 18, whose pg_noreturn stands before the declaration */
#ifndef pg_attribute_noreturn
#define pg_attribute_noreturn() __attribute__((noreturn))
#endif

/* varlena accessors moved out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* wait events moved out of pgstat.h in 14 */
#if PG_VERSION_NUM >= 140000
#include "utils/wait_event.h"
#else
#include "pgstat.h"
#endif

/* renamed in 15 */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* typed allocation, back-patched to 14.6 and 15.1 */
#ifndef palloc_object
#define palloc_object(type) ((type *) palloc(sizeof(type)))
#define palloc0_object(type) ((type *) palloc0(sizeof(type)))
#define palloc_array(type, count) ((type *) palloc(sizeof(type) * (count)))
#define palloc0_array(type, count) ((type *) palloc0(sizeof(type) * (count)))
#define repalloc_array(pointer, type, count) ((type *) repalloc(pointer, sizeof(type) * (count)))
#endif

/*
 * Set-returning functions in materialize mode: the helper came with 15.  The row
 * type is always the one that the caller expects: to look it up anew leaves
 * memory behind with each call until the caller's statement ends.
 */
#if PG_VERSION_NUM < 150000
#define MAT_SRF_USE_EXPECTED_DESC 0x01
#define InitMaterializedSRF(fcinfo, flags) recsys_materialized_srf(fcinfo)
extern void recsys_materialized_srf(FunctionCallInfo fcinfo);
#endif

/* one function for all kinds of objects since 16 */
#if PG_VERSION_NUM < 160000
#define relation_ownercheck(relid, roleid) pg_class_ownercheck(relid, roleid)
#define function_aclcheck(funcid, roleid, mode) pg_proc_aclcheck(funcid, roleid, mode)
#else
#define relation_ownercheck(relid, roleid) object_ownercheck(RelationRelationId, relid, roleid)
#define function_aclcheck(funcid, roleid, mode) object_aclcheck(ProcedureRelationId, funcid, roleid, mode)
#endif

/* a second argument since 18: shall a deferrable key do? */
#if PG_VERSION_NUM < 180000
#define primary_key_index(rel) RelationGetPrimaryKeyIndex(rel)
#else
#define primary_key_index(rel) RelationGetPrimaryKeyIndex(rel, false)
#endif

/* counters for EXPLAIN came in between with 18 */
#if PG_VERSION_NUM < 180000
#define begin_index_scan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#else
#define begin_index_scan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#endif

/* pins a buffer if it still holds a page: since 14, and with other types since 16 */
#if PG_VERSION_NUM < 140000
#define read_recent_buffer(rel, block, buffer) false
#elif PG_VERSION_NUM < 160000
#define read_recent_buffer(rel, block, buffer) \
	ReadRecentBuffer((rel)->rd_node, MAIN_FORKNUM, block, buffer)
#else
#define read_recent_buffer(rel, block, buffer) \
	ReadRecentBuffer((rel)->rd_locator, MAIN_FORKNUM, block, buffer)
#endif

/* the file of a relation, and whole new pages of it into the WAL: the former since 15, and the latter with other types since 16 */
#if PG_VERSION_NUM < 150000
#define relation_smgr(rel) recsys_relation_smgr(rel)
extern struct SMgrRelationData *recsys_relation_smgr(struct RelationData *rel);
#define log_pages(rel, n, blocks, pages) \
	do { \
		for (int page_ = 0; page_ < (n); page_++) \
			log_newpage(&(rel)->rd_node, MAIN_FORKNUM, (blocks)[page_], (pages)[page_], true); \
	} while (0)
#elif PG_VERSION_NUM < 160000
#define relation_smgr(rel) RelationGetSmgr(rel)
#define log_pages(rel, n, blocks, pages) \
	log_newpages(&(rel)->rd_node, MAIN_FORKNUM, n, blocks, pages, true)
#else
#define relation_smgr(rel) RelationGetSmgr(rel)
#define log_pages(rel, n, blocks, pages) \
	log_newpages(&(rel)->rd_locator, MAIN_FORKNUM, n, blocks, pages, true)
#endif

/* whether to wake the receiver up at once can be said since 15 */
#if PG_VERSION_NUM < 150000
#define send_to_queue(queue, size, data) shm_mq_send(queue, size, data, false)
#define send_parts_to_queue(queue, parts, count) shm_mq_sendv(queue, parts, count, false)
#else
#define send_to_queue(queue, size, data) shm_mq_send(queue, size, data, false, true)
#define send_parts_to_queue(queue, parts, count) shm_mq_sendv(queue, parts, count, false, true)
#endif

/* room before the tuple can be asked for since 18 */
#if PG_VERSION_NUM < 180000
#define form_minimal_tuple(desc, values, nulls) heap_form_minimal_tuple(desc, values, nulls)
#else
#define form_minimal_tuple(desc, values, nulls) heap_form_minimal_tuple(desc, values, nulls, 0)
#endif

/* takes the table itself since 17 */
#if PG_VERSION_NUM < 170000
#define identity_sequence(rel, attno) getIdentitySequence(RelationGetRelid(rel), attno, true)
#else
#define identity_sequence(rel, attno) getIdentitySequence(rel, attno, true)
#endif

/* the resource owner takes the place of a flag since 14 */
#if PG_VERSION_NUM < 140000
#define release_unowned_plan(plan) ReleaseCachedPlan(plan, false)
#else
#define release_unowned_plan(plan) ReleaseCachedPlan(plan, NULL)
#endif

/* tells since 16 whether it is to copy */
#if PG_VERSION_NUM < 160000
#define recsys_tuplesort_getdatum(state, value, isnull) \
	tuplesort_getdatum(state, true, value, isnull, NULL)
#else
#define recsys_tuplesort_getdatum(state, value, isnull) \
	tuplesort_getdatum(state, true, true, value, isnull, NULL)
#endif

/* renamed in 15 */
#if PG_VERSION_NUM < 150000
#define parse_analyze_fixedparams(parsetree, text, types, ntypes, environment) \
	parse_analyze(parsetree, text, types, ntypes, environment)
#endif

/* until 15 whoever offers a scan of his own is expected to project */
#if PG_VERSION_NUM < 150000
#define CUSTOMPATH_SUPPORT_PROJECTION 0
#endif

/* soft errors came with 16: before that the same call throws */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#define errsave(context, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)
#define SOFT_ERROR_OCCURRED(context) ((void) (context), false)
#else
#include "nodes/miscnodes.h"
#endif

/* ANALYZE: the target moved out of the copied pg_attribute row in 17, the delay got an argument in 18 */
#if PG_VERSION_NUM >= 170000
#define VAC_STATS_TARGET(stats) ((stats)->attstattarget)
#else
#define VAC_STATS_TARGET(stats) ((stats)->attr->attstattarget)
#endif
#if PG_VERSION_NUM >= 180000
#define VACUUM_DELAY_POINT() vacuum_delay_point(true)
#else
#define VACUUM_DELAY_POINT() vacuum_delay_point()
#endif

#endif							/* RECSYS_COMPAT_H */
