/*-------------------------------------------------------------------------
 *
 * tags_fuzz.c
 *		Feeds broken text and bytes to the input functions of tagset and
 *		tagquery; test/tools/tags_fuzz.sh builds and runs it.  Not installed.
 *
 *		tags_fuzz(type regtype, cases bigint, seed bigint,
 *				  OUT accepted bigint, OUT rejected bigint)
 *
 * A case takes a seed input, mutates it a few times (a byte flipped, dropped,
 * doubled or taken from the grammar's symbols, a piece of another input) and
 * gives it to the input function of the type or, every other case, to its
 * receive function.  It must give an error or a value.  A value must survive
 * being written and read again, as text and as bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

PG_MODULE_MAGIC;

#define MAX_LENGTH 400

static const char *const seeds[] = {
	"", "a", "female, city:beijing, wine=0.8, \"a, quoted tag\"", "buy:* & (area:east | wine>0.5) & !risk:refund",
	"\"a\\\"b\\\\c\"=-1e-7, \xe5\xa5\xb3\xe6\x80\xa7=2, x", "!(!(a | b) & !!c) | * | \"x y\"*<>0", "a=1e38,b=1e-38,c=16777217,d=.5",
	"a & !a | b & (b | c)", "\xe5\x9f\x8e:*>=3 & !* | a!=2"
};

typedef struct Input
{
	int			length;
	char		bytes[MAX_LENGTH + 1];
} Input;

static uint64 state;

/* xorshift64* (Vigna 2016) */
static uint32
next_random(uint32 bound)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32) ((state * UINT64CONST(2685821657736338717)) >> 33) % bound;
}

static void
mutate(Input *input, bool binary)
{
	static const char symbols[] = "&|!()*<>=,\"\\ {}:abc019.eE+-\xe5\x80";
	int			at = next_random(input->length + 1);
	char		byte = next_random(3) == 0 ? (char) next_random(256) : symbols[next_random(sizeof(symbols) - 1)];

	if (!binary && byte == '\0')
		byte = ' ';
	switch (next_random(5))
	{
		case 0:					/* change */
			if (at < input->length)
				input->bytes[at] = byte;
			break;
		case 1:					/* drop a piece */
			{
				int			gone = (int) next_random(4) + 1;

				gone = Min(gone, input->length - at);
				memmove(input->bytes + at, input->bytes + at + gone, input->length - at - gone);
				input->length -= gone;
			}
			break;
		case 2:					/* insert */
			if (input->length < MAX_LENGTH)
			{
				memmove(input->bytes + at + 1, input->bytes + at, input->length - at);
				input->bytes[at] = byte;
				input->length++;
			}
			break;
		case 3:					/* double a piece */
			{
				int			piece = (int) next_random(40);

				piece = Min(piece, input->length - at);
				piece = Min(piece, MAX_LENGTH - input->length);
				memmove(input->bytes + at + piece, input->bytes + at, input->length - at);
				input->length += piece;
			}
			break;
		case 4:					/* a piece of another seed */
			{
				const char *other = seeds[next_random(lengthof(seeds))];
				int			piece = Min((int) strlen(other), input->length - at);

				memcpy(input->bytes + at, other, piece);
			}
			break;
	}
	input->bytes[input->length] = '\0';
}

typedef struct Type
{
	Oid			oid;
	Oid			input_param;
	FmgrInfo	input;
	FmgrInfo	output;
	FmgrInfo	receive;
	FmgrInfo	send;
} Type;

static Datum
receive(Type *type, const char *bytes, int length)
{
	StringInfoData buf;
	Datum		value;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, bytes, length);
	value = ReceiveFunctionCall(&type->receive, &buf, type->input_param, -1);
	if (buf.cursor != buf.len)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("bytes are left over")));
	return value;
}

/* What an accepted value has to satisfy. */
static void
check_value(Type *type, Datum value)
{
	char	   *text = OutputFunctionCall(&type->output, value);
	bytea	   *bytes = SendFunctionCall(&type->send, value);

	if (!datumIsEqual(value, InputFunctionCall(&type->input, text, type->input_param, -1), false, -1))
		elog(PANIC, "\"%s\" does not read back as itself", text);
	if (!datumIsEqual(value, receive(type, VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ), false, -1))
		elog(PANIC, "the bytes of \"%s\" do not read back as themselves", text);
}

/* One case in a subtransaction; true if the input was accepted. */
static bool
try_input(Type *type, const Input *input, bool binary, MemoryContext cxt)
{
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool accepted = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	PG_TRY();
	{
		Datum		value;

		if (binary)
			value = receive(type, input->bytes, input->length);
		else
		{
			/* the server has checked the encoding of what comes as text */
			pg_verifymbstr(input->bytes, input->length, false);
			value = InputFunctionCall(&type->input, (char *) input->bytes, type->input_param, -1);
		}
		check_value(type, value);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		/* an internal error would be a bug as well */
		if (error->sqlerrcode == ERRCODE_INTERNAL_ERROR || error->sqlerrcode == ERRCODE_DATA_CORRUPTED)
			elog(PANIC, "unexpected error: %s", error->message);
		accepted = false;
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	return accepted;
}

PG_FUNCTION_INFO_V1(tags_fuzz);
Datum
tags_fuzz(PG_FUNCTION_ARGS)
{
	Type		type = {.oid = PG_GETARG_OID(0)};
	int64		cases = PG_GETARG_INT64(1);
	int64		counts[2] = {0, 0};
	Oid			function;
	bool		varlena;
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "tags_fuzz", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;

	state = (uint64) PG_GETARG_INT64(2) * 2 + 1;
	getTypeInputInfo(type.oid, &function, &type.input_param);
	fmgr_info(function, &type.input);
	getTypeOutputInfo(type.oid, &function, &varlena);
	fmgr_info(function, &type.output);
	getTypeBinaryInputInfo(type.oid, &function, &type.input_param);
	fmgr_info(function, &type.receive);
	getTypeBinaryOutputInfo(type.oid, &function, &varlena);
	fmgr_info(function, &type.send);

	for (int64 i = 0; i < cases; i++)
	{
		const char *seed = seeds[next_random(lengthof(seeds))];
		bool		binary = i % 2 == 1;
		Input		input;

		CHECK_FOR_INTERRUPTS();
		input.length = (int) strlen(seed);
		memcpy(input.bytes, seed, input.length + 1);
		if (binary)
		{
			/* of a seed that can be read, the binary form is mutated; others as they are */
			MemoryContext here = CurrentMemoryContext;
			ResourceOwner owner = CurrentResourceOwner;

			BeginInternalSubTransaction(NULL);
			MemoryContextSwitchTo(cxt);
			PG_TRY();
			{
				bytea	   *bytes = SendFunctionCall(&type.send, InputFunctionCall(&type.input, input.bytes, type.input_param, -1));

				input.length = Min(VARSIZE(bytes) - VARHDRSZ, MAX_LENGTH);
				memcpy(input.bytes, VARDATA(bytes), input.length);
				ReleaseCurrentSubTransaction();
			}
			PG_CATCH();
			{
				FlushErrorState();
				RollbackAndReleaseCurrentSubTransaction();
			}
			PG_END_TRY();
			MemoryContextSwitchTo(here);
			CurrentResourceOwner = owner;
		}
		for (int j = next_random(6); j > 0; j--)
			mutate(&input, binary);
		counts[try_input(&type, &input, binary, cxt) ? 0 : 1]++;
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
	}
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(counts[0]);
	values[1] = Int64GetDatum(counts[1]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}
