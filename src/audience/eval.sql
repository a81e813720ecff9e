-- Boolean expressions over named audiences.  C: src/audience/eval.c.

CREATE FUNCTION audience_eval(
	expression tagquery,
	query text,
	among audience DEFAULT NULL,
	missing_ok boolean DEFAULT false)
RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_eval' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION audience_eval(tagquery, text, audience, boolean) IS 'ids that satisfy an expression over audiences by name; the query returns (name, audience)';
