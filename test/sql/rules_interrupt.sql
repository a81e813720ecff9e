-- Long work can be stopped in every phase.  Each statement would take very long;
-- the bound on the time after its timeout is a loose one, for busy machines.
CREATE TABLE rules_long AS
SELECT b AS basket, i AS item FROM generate_series(1, 2000) b, generate_series(1, 120) i
WHERE hashint8extended(b * 1000 + i, 7) & 65535 < 65536 * 0.5;
\set VERBOSITY sqlstate
\set begin 'SELECT clock_timestamp() AS begun \\gset'
\set end 'SELECT clock_timestamp() - :''begun''::timestamptz < ''3 s'' AS soon;'
SET max_parallel_maintenance_workers = 0;
SET statement_timeout = '150ms';
-- reading, baskets in order and not
:begin
SELECT count(*) FROM frequent_itemsets('SELECT a, b FROM generate_series(1, 100000) a, generate_series(1, 100000) b');
:end
:begin
SELECT frequent_itemsets_agg((a::bigint * b) % 1000003, b::text) FROM generate_series(1, 100000) a, generate_series(1, 100000) b;
:end
-- mining, in memory and through files, alone and not
:begin
SELECT count(*) FROM frequent_itemsets('TABLE rules_long', min_support => 0.01);
:end
SET max_parallel_maintenance_workers = 2;
:begin
SELECT count(*) FROM frequent_itemsets('TABLE rules_long', min_support => 0.01);
:end
SET maintenance_work_mem = '6MB';
:begin
SELECT count(*) FROM frequent_itemsets('TABLE rules_long', min_support => 0.01);
:end
SET maintenance_work_mem = '2000MB';
:begin
SELECT count(*) FROM frequent_itemsets('TABLE rules_long', min_support => 0.02, target => 'closed');
:end
RESET maintenance_work_mem;
SET statement_timeout = '400ms';
-- rules, and comparing them
:begin
SELECT count(*) FROM association_rules('SELECT b, i FROM generate_series(1, 3) b, generate_series(1, 19) i', max_rhs => 18, top_k => 5, rank_by => 'lift');
:end
:begin
SELECT count(*) FROM association_rules('SELECT b, i FROM generate_series(1, 18) b, generate_series(1, 18) i WHERE b <> i', min_count => 1, max_rhs => 3, redundant => false);
:end
-- joining, sorting and output
SET maintenance_work_mem = '8MB';
:begin
SELECT count(*) FROM association_rules('SELECT b, i FROM generate_series(1, 3) b, generate_series(1, 22) i');
:end
RESET maintenance_work_mem;
:begin
SELECT count(*) FROM frequent_itemsets('SELECT b, i FROM generate_series(1, 3) b, generate_series(1, 23) i');
:end
RESET statement_timeout;
\set VERBOSITY default
DROP TABLE rules_long;
