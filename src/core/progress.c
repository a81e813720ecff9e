/*-------------------------------------------------------------------------
 *
 * progress.c
 *		Showing how far long work is.
 *
 * PostgreSQL's pg_stat_progress views know a fixed list of commands, and an
 * extension that is not preloaded has no shared memory of its own.  What every
 * role can watch of its own sessions is pg_stat_activity, so the work writes
 * its state before the text of the statement, as an SQL comment that reads
 * "item similarity: product, 45 % of 26000".
 *
 * The text is put back at the end.  After an error the next statement of the
 * session replaces it, as it does with any other.
 *
 * At the end, how long each phase took is in a message of level DEBUG1.
 *
 * progress_update() may be called as often as one likes: it looks at the clock
 * only every 256 calls and writes at most four times a second.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "lib/stringinfo.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "tcop/tcopprot.h"
#if PG_VERSION_NUM >= 140000
#include "utils/backend_status.h"
#endif

#include "core/progress.h"

#define INTERVAL_MS 250.0

static const char *current_activity = NULL;
static const char *current_phase;
static uint64 current_total;
static uint32 calls;
static instr_time last_report;

/* what the phases so far took: "reading 0.120 s, mining 0.050 s" */
static char durations[256];
static instr_time phase_start;

static void
report(uint64 done)
{
	char		text[1024];
	const char *statement = debug_query_string ? debug_query_string : "";

	if (current_total > 0)
		snprintf(text, sizeof(text), "/* %s: %s, %d %% of " UINT64_FORMAT " */ %s",
				 current_activity, current_phase,
				 (int) (100.0 * Min(done, current_total) / current_total), current_total,
				 statement);
	else
		snprintf(text, sizeof(text), "/* %s: %s, " UINT64_FORMAT " */ %s",
				 current_activity, current_phase, done, statement);
	pgstat_report_activity(STATE_RUNNING, text);
	INSTR_TIME_SET_CURRENT(last_report);
}

/* Notes how long the phase took that ends now. */
static void
note_duration(void)
{
	Size		length = strlen(durations);
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, phase_start);
	snprintf(durations + length, sizeof(durations) - length, "%s%s %.3f s",
			 length > 0 ? ", " : "", current_phase, INSTR_TIME_GET_DOUBLE(now));
}

/* Starts to report an activity, a constant string: "item similarity". */
void
progress_begin(const char *activity)
{
	current_activity = activity;
	current_phase = NULL;
	durations[0] = '\0';
	progress_phase("starting", 0);
}

/* Enters a phase, a constant string, of total steps; 0 where that is unknown. */
void
progress_phase(const char *phase, uint64 total)
{
	if (current_activity && current_phase)
		note_duration();
	current_phase = phase;
	current_total = total;
	calls = 0;
	INSTR_TIME_SET_CURRENT(phase_start);
	if (current_activity)
		report(0);
}

/* Says how many steps of the phase are done. */
void
progress_update(uint64 done)
{
	instr_time	now;

	if (current_activity == NULL || (++calls & 0xff) != 0)
		return;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, last_report);
	if (INSTR_TIME_GET_MILLISEC(now) >= INTERVAL_MS)
		report(done);
}

/* Puts the text of the statement back. */
void
progress_end(void)
{
	if (current_activity == NULL)
		return;
	note_duration();
	ereport(DEBUG1, (errmsg_internal("%s: %s", current_activity, durations)));
	current_activity = NULL;
	if (debug_query_string)
		pgstat_report_activity(STATE_RUNNING, debug_query_string);
}
