/*-------------------------------------------------------------------------
 *
 * options.h
 *		Named options: building, reading and checking them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_OPTIONS_H
#define RECSYS_OPTIONS_H

#include "core/compat.h"

/* A composite options value that is being read field by field. */
typedef struct OptionsReader
{
	const char *constructor;	/* "similarity_options", for messages */
	TupleDesc	tupdesc;
	Datum	   *values;
	bool	   *nulls;
} OptionsReader;

extern Datum options_construct(FunctionCallInfo fcinfo);
extern Datum options_of_arguments(FunctionCallInfo fcinfo, int first);
extern void options_open(OptionsReader *reader, Datum composite, const char *constructor);
extern bool options_has(const OptionsReader *reader, const char *name);
extern bool options_get(OptionsReader *reader, const char *name, Datum *value);
extern int64 options_int(OptionsReader *reader, const char *name, int64 unset, int64 min, int64 max);
extern double options_float(OptionsReader *reader, const char *name, double unset,
							double min, double max);
extern bool options_bool(OptionsReader *reader, const char *name, bool unset);
extern char *options_text(OptionsReader *reader, const char *name);
extern int	options_word(OptionsReader *reader, const char *name, int unset,
						 const char *const *words);

/* The same checks for plain arguments. */
extern int64 check_int_option(const char *name, int64 value, int64 min, int64 max);
extern double check_float_option(const char *name, double value, double min, double max);
extern int	check_word_option(const char *name, const char *value, const char *const *words);
extern void null_options_error(const char *constructor) pg_attribute_noreturn();

#endif							/* RECSYS_OPTIONS_H */
