-- The bytes of every type of the extension, as they are sent and as they are
-- stored: what one version or one machine has written another must read.  A
-- difference here is a change of format, not of a test.
CREATE SCHEMA bytes;
SET search_path = bytes, public;
-- a value seen as what it is in memory, in hex, and back
CREATE FUNCTION hex(varbit, text DEFAULT 'hex') RETURNS text LANGUAGE internal STRICT IMMUTABLE AS 'binary_encode';
CREATE FUNCTION hex(tagset, text DEFAULT 'hex') RETURNS text LANGUAGE internal STRICT IMMUTABLE AS 'binary_encode';
CREATE FUNCTION hex(tagquery, text DEFAULT 'hex') RETURNS text LANGUAGE internal STRICT IMMUTABLE AS 'binary_encode';
CREATE FUNCTION hex(audience, text DEFAULT 'hex') RETURNS text LANGUAGE internal STRICT IMMUTABLE AS 'binary_encode';
CREATE FUNCTION hex(audience_measure, text DEFAULT 'hex') RETURNS text LANGUAGE internal STRICT IMMUTABLE AS 'binary_encode';
CREATE FUNCTION hex(rfm_cuts, text DEFAULT 'hex') RETURNS text LANGUAGE internal STRICT IMMUTABLE AS 'binary_encode';
CREATE FUNCTION tagset_of(text, text DEFAULT 'hex') RETURNS tagset LANGUAGE internal STRICT IMMUTABLE AS 'binary_decode';
CREATE FUNCTION tagquery_of(text, text DEFAULT 'hex') RETURNS tagquery LANGUAGE internal STRICT IMMUTABLE AS 'binary_decode';
CREATE FUNCTION audience_of(text, text DEFAULT 'hex') RETURNS audience LANGUAGE internal STRICT IMMUTABLE AS 'binary_decode';
CREATE FUNCTION audience_measure_of(text, text DEFAULT 'hex') RETURNS audience_measure LANGUAGE internal STRICT IMMUTABLE AS 'binary_decode';
CREATE FUNCTION rfm_cuts_of(text, text DEFAULT 'hex') RETURNS rfm_cuts LANGUAGE internal STRICT IMMUTABLE AS 'binary_decode';
\set file `echo "/tmp/recsys_bytes_$$"`

-- what the receive function makes of these bytes, or its error
CREATE FUNCTION received(file text, type text, wire bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
  object oid := lo_from_bytea(0, '\x5047434f50590aff0d0a00'::bytea || int4send(0) || int4send(0) ||
    int2send(1::smallint) || int4send(length(wire)) || wire || int2send((-1)::smallint));
BEGIN
  PERFORM lo_export(object, file), lo_unlink(object);
  EXECUTE format('CREATE TEMP TABLE received (v %s)', type);
  BEGIN
    EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
    EXECUTE 'SELECT v::text FROM received' INTO result;
  EXCEPTION WHEN data_exception OR protocol_violation OR character_not_in_repertoire OR syntax_error THEN
    result := SQLSTATE;
  END;
  DROP TABLE received;
  RETURN result;
END $$;
CREATE FUNCTION called(expression text, VARIADIC arguments text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE 'SELECT (' || format(expression, VARIADIC arguments) || ')::text' INTO result;
  RETURN result;
END $$;

CREATE TABLE bytes (type text, n int, value text);
INSERT INTO bytes VALUES
  ('tagset', 1, $$''$$),
  ('tagset', 2, $$'a'$$),
  ('tagset', 3, $$'女, wine=-0.8, b=2'$$),
  ('tagset', 4, $$(SELECT tagset_agg('tag number ' || i) FROM generate_series(1, 30) i)$$),
  ('tagset', 5, $$(SELECT tagset_agg('tag number ' || i, i) FROM generate_series(1, 6000) i)$$),
  ('tagquery', 1, $$''$$),
  ('tagquery', 2, $$'a'$$),
  ('tagquery', 3, $$'a & !(buy:* | c>0.5) & 女'$$),
  ('audience', 1, $$'{}'$$),
  ('audience', 2, $$'{7}'$$),
  ('audience', 3, $$'{-9223372036854775808, -1, 0, 1, 2, 3, 65536, 5000000000, 9223372036854775807}'$$),
  ('audience', 4, $$(SELECT audience_agg(i) FROM generate_series(1, 100000) i)$$),
  ('audience', 5, $$(SELECT audience_agg(i * i % 65521) FROM generate_series(1, 30000) i)$$),
  ('audience', 6, $$(SELECT audience_agg(i * 99991) FROM generate_series(-100, 100) i)$$),
  ('audience_measure', 1, $$(SELECT audience_measure_agg(i, i * 1000 - 2000) FROM generate_series(1, 3) i)$$),
  ('audience_measure', 2, $$(SELECT audience_measure_agg(i * 7, i * i) FROM generate_series(1, 5000) i)$$),
  ('rfm_cuts', 1, $$rfm_cuts('{10,20}', '{1,2.5}', '{100,1e10}')$$),
  ('rfm_cuts', 2, $$(SELECT rfm_cuts_agg(i, i % 7, i * 0.37) FROM generate_series(1, 100) i)$$);

CREATE TABLE seen AS
SELECT type, n, called('%s::%s', value, type) AS text, called('%2$s_send(%1$s::%2$s)', value, type)::bytea AS sent,
  called('hex(%s::%s)', value, type) AS stored
FROM bytes;

SELECT type, n, length(sent), CASE WHEN length(sent) <= 80 THEN sent::text ELSE md5(sent) END AS sent FROM seen ORDER BY type, n;
-- read back, whole or cut off anywhere
SELECT type, n, received(:'file', type, sent) = text AS received,
  (SELECT string_agg(DISTINCT received(:'file', type, substr(sent, 1, i)), ' ')
   FROM generate_series(0, length(sent) - 1, greatest(1, length(sent) / 20)) i) AS cut,
  received(:'file', type, sent || '\x00') AS longer
FROM seen ORDER BY type, n;

-- as stored by a little-endian machine that aligns to 8 bytes
SELECT hex(B'1'::varbit) = '0100000080' AND max_data_alignment = 8 AS usual FROM pg_control_init() \gset
SELECT type, n, CASE WHEN NOT :'usual' THEN 'of another machine'
  WHEN length(stored) <= 240 THEN stored ELSE md5(stored) END AS stored FROM seen ORDER BY type, n;
SELECT count(*), count(*) FILTER (WHERE called('%1$s_of(%2$L)', type, stored) <> text) AS different FROM seen;
SET client_min_messages = warning;
DROP SCHEMA bytes CASCADE;
\! rm -f /tmp/recsys_bytes_*
