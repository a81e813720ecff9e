-- recsys: what several capabilities need of the server.

CREATE FUNCTION recsys_stream_support(internal) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION recsys_stream_support(internal) IS 'planner support of functions in FROM whose rows are read one by one, without being stored';
