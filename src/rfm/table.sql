-- The one-liner: from orders to scored customers.

CREATE FUNCTION rfm_table(query text, as_of timestamptz DEFAULT NULL, bins integer DEFAULT NULL, scheme text DEFAULT NULL,
	nested boolean DEFAULT NULL, method text DEFAULT NULL, top double precision DEFAULT NULL,
	recency_bins integer DEFAULT NULL, order_bins integer DEFAULT NULL, amount_bins integer DEFAULT NULL,
	cuts rfm_cuts DEFAULT NULL, refunds text DEFAULT 'net',
	OUT "user" bigint, OUT last_order timestamptz, OUT recency_days double precision, OUT orders bigint, OUT amount numeric,
	OUT r integer, OUT f integer, OUT m integer, OUT code integer, OUT segment text)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10000 AS 'MODULE_PATHNAME', 'recsys_rfm_table';
COMMENT ON FUNCTION rfm_table(text, timestamptz, integer, text, boolean, text, double precision, integer, integer, integer, rfm_cuts, text) IS
'scores all customers of a query that returns (user, ts, amount [, order]), with one row per order, or per order line if the order is given';

CREATE FUNCTION rfm_table(witness anyelement, query text, as_of timestamptz DEFAULT NULL, bins integer DEFAULT NULL, scheme text DEFAULT NULL,
	nested boolean DEFAULT NULL, method text DEFAULT NULL, top double precision DEFAULT NULL,
	recency_bins integer DEFAULT NULL, order_bins integer DEFAULT NULL, amount_bins integer DEFAULT NULL,
	cuts rfm_cuts DEFAULT NULL, refunds text DEFAULT 'net',
	OUT "user" anyelement, OUT last_order timestamptz, OUT recency_days double precision, OUT orders bigint, OUT amount numeric,
	OUT r integer, OUT f integer, OUT m integer, OUT code integer, OUT segment text)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10000 AS 'MODULE_PATHNAME', 'recsys_rfm_table';
COMMENT ON FUNCTION rfm_table(anyelement, text, timestamptz, integer, text, boolean, text, double precision, integer, integer, integer, rfm_cuts, text) IS
'rfm_table() for ids of the type of the first argument, as in rfm_table(NULL::uuid, ...)';

-- of its own, or else the query would be taken for as_of
CREATE FUNCTION rfm_table(witness text, query text, as_of timestamptz DEFAULT NULL, bins integer DEFAULT NULL, scheme text DEFAULT NULL,
	nested boolean DEFAULT NULL, method text DEFAULT NULL, top double precision DEFAULT NULL,
	recency_bins integer DEFAULT NULL, order_bins integer DEFAULT NULL, amount_bins integer DEFAULT NULL,
	cuts rfm_cuts DEFAULT NULL, refunds text DEFAULT 'net',
	OUT "user" text, OUT last_order timestamptz, OUT recency_days double precision, OUT orders bigint, OUT amount numeric,
	OUT r integer, OUT f integer, OUT m integer, OUT code integer, OUT segment text)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10000 AS 'MODULE_PATHNAME', 'recsys_rfm_table';
COMMENT ON FUNCTION rfm_table(text, text, timestamptz, integer, text, boolean, text, double precision, integer, integer, integer, rfm_cuts, text) IS
'rfm_table() for ids of type text, as in rfm_table(NULL::text, ...)';
