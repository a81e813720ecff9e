-- Segments.

CREATE FUNCTION rfm_segments(scheme text DEFAULT 'classic', bins integer DEFAULT NULL,
	OUT r integer, OUT f integer, OUT m integer, OUT segment text, OUT label text, OUT label_zh text, OUT advice text)
RETURNS SETOF record
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 25 AS 'MODULE_PATHNAME', 'recsys_rfm_segments';
COMMENT ON FUNCTION rfm_segments IS
'cells of a scheme (classic, octant, tier4) with segment, labels and advice; m is NULL if it has no influence; bins defaults to 5 for classic and 2 for the others';

CREATE FUNCTION rfm_segment(r integer, f integer, m integer, scheme text DEFAULT 'classic', bins integer DEFAULT NULL) RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_segment';
COMMENT ON FUNCTION rfm_segment IS 'segment of a cell in a scheme; NULL if a score that matters is NULL';

CREATE FUNCTION rfm_scheme_check(query text, bins integer DEFAULT 5,
	OUT problem text, OUT segment text, OUT other text, OUT r integer, OUT f integer, OUT m integer)
RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 100 AS 'MODULE_PATHNAME', 'recsys_rfm_scheme_check';
COMMENT ON FUNCTION rfm_scheme_check IS
'flaws of user-defined segments, where the first match of (segment, r_min, r_max, f_min, f_max, m_min, m_max) in the order of the query wins: cells that are uncovered, cells where a segment overlaps an earlier one, segments that never win';
