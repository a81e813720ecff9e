-- Mining by several processes gives the same rows in the same order as by one.
CREATE TABLE rules_many AS
SELECT b AS basket, i AS item FROM generate_series(1, 3000) b, generate_series(1, 150) i
WHERE ('x' || substr(md5(b || ',' || i), 1, 4))::bit(16)::int < 65536 * 0.45;
CREATE VIEW rules_many_implied AS
SELECT * FROM rules_many UNION ALL SELECT basket, item * 1000 + i FROM rules_many, generate_series(1, 3) i WHERE item IN (2, 40, 150);
CREATE FUNCTION pg_temp.results(workers text) RETURNS TABLE (what text, n bigint, hash text) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('max_parallel_maintenance_workers', workers, true);
  RETURN QUERY SELECT 'sets', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM frequent_itemsets('TABLE rules_many', min_support => 0.22) WITH ORDINALITY s;
  RETURN QUERY SELECT 'sets with implied items', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM frequent_itemsets('TABLE rules_many_implied', min_support => 0.2) WITH ORDINALITY s;
  RETURN QUERY SELECT 'closed', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM frequent_itemsets('TABLE rules_many', min_support => 0.3, target => 'closed') WITH ORDINALITY s;
  RETURN QUERY SELECT 'best sets', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM frequent_itemsets('TABLE rules_many', top_k => 300) WITH ORDINALITY s;
  RETURN QUERY SELECT 'rules', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM association_rules('TABLE rules_many', min_support => 0.21, rank_by => 'lift') WITH ORDINALITY s;
  RETURN QUERY SELECT 'best rules', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM association_rules('TABLE rules_many', top_k => 50, min_support => 0.1) WITH ORDINALITY s;
  RETURN QUERY SELECT 'likely rules', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM association_rules('TABLE rules_many', top_k => 200, rank_by => 'p_value', min_support => 0.15) WITH ORDINALITY s;
  RETURN QUERY SELECT 'hierarchy', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM frequent_itemsets('TABLE rules_many', min_support => 0.21, hierarchy => '{{1,2},{2,3},{5,9},{7,9}}') WITH ORDINALITY s;
  RETURN QUERY SELECT 'aggregate', cardinality(a)::bigint, md5(a::text)
    FROM (SELECT association_rules_agg(basket, item, rules_options(min_support => 0.21)) a FROM rules_many) q;
END $$;
CREATE TEMP TABLE alone AS SELECT * FROM pg_temp.results('0');
CREATE TEMP TABLE together AS SELECT * FROM pg_temp.results('3');
SELECT what, a.n > 0 AS found, a.n = t.n AND a.hash = t.hash AS same FROM alone a JOIN together t USING (what) ORDER BY what COLLATE "C";
-- processes without the memory for a block leave it to the caller
CREATE FUNCTION pg_temp.little(workers text, memory text, what text DEFAULT 'rules_many') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('max_parallel_maintenance_workers', workers, true), set_config('maintenance_work_mem', memory, true);
  RETURN (SELECT count(*) || ' ' || sum(hashint8extended(hash_array_extended(items, together), ordinality))
          FROM frequent_itemsets('TABLE ' || what, min_support => 0.095) WITH ORDINALITY s);
END $$;
SELECT pg_temp.little('3', '24MB') = alone AS same, pg_temp.little('1', '10MB') = alone AS and_from_files FROM pg_temp.little('0', '64MB') AS alone;
SELECT pg_temp.little('3', '24MB', 'rules_many_implied') = alone AS same, pg_temp.little('1', '10MB', 'rules_many_implied') = alone AS and_from_files FROM pg_temp.little('0', '64MB', 'rules_many_implied') AS alone;
-- without any worker to be had
SET max_parallel_workers = 0;
SELECT count(*) FROM (SELECT * FROM pg_temp.results('3') EXCEPT SELECT * FROM alone) d;
RESET max_parallel_workers;

-- more items than 16 bits can number, all but 150 of them never twice with another
CREATE FUNCTION pg_temp.sets_of_several(workers text, query text, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  PERFORM set_config('max_parallel_maintenance_workers', workers, true);
  EXECUTE format('SELECT count(*) || '' '' || sum(hash_array_extended(items, together))
    FROM frequent_itemsets(%L, min_count => 2, %s) WHERE cardinality(items) > 1', query, options) INTO result;
  RETURN result;
END $$;
SELECT what, workers, pg_temp.sets_of_several(workers, query || also, options) = pg_temp.sets_of_several('0', query, options) AS same
FROM (VALUES ('all', '0', 'TABLE rules_many', 'max_length => 3'), ('all', '3', 'TABLE rules_many', 'max_length => 3'),
        ('closed', '0', 'SELECT * FROM rules_many WHERE item <= 10', $$target => 'closed'$$)) v (what, workers, query, options),
  (SELECT ' UNION ALL SELECT 4000 + i / 20, 1000 + i FROM generate_series(0, 69999) i
            UNION ALL SELECT 8000 + i % 3500, 1000 + i FROM generate_series(0, 69999) i') a (also);

-- what is too much is an error
SET maintenance_work_mem = '10MB';
SET max_parallel_maintenance_workers = 2;
\set VERBOSITY sqlstate
SELECT count(*) FROM association_rules('TABLE rules_many', min_support => 0.05, target => 'closed');
-- and long mining can be cancelled, by whoever it is done
RESET maintenance_work_mem;
SET statement_timeout = '300ms';
SELECT count(*) FROM frequent_itemsets('TABLE rules_many', min_support => 0.07);
SET max_parallel_maintenance_workers = 0;
SELECT count(*) FROM frequent_itemsets('TABLE rules_many', min_support => 0.07);
RESET statement_timeout;
\set VERBOSITY default
DROP VIEW rules_many_implied;
DROP TABLE rules_many;
