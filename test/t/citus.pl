# Every aggregate over a distributed table of Citus is what it is over the same
# rows in a plain one.  CITUS_COORDINATOR is a connection string of a
# coordinator with workers, all of which have recsys installed; a schema is made
# there and dropped at the end.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

my $coordinator = $ENV{CITUS_COORDINATOR};
plan skip_all => 'CITUS_COORDINATOR does not name a coordinator of Citus' unless $coordinator;

sub ask {
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	my $in = "SET client_min_messages = warning; SET search_path = recsys_citus, public; $sql";
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $coordinator, '-f', '-' ], '<', \$in, '>', \$out, '2>', \$err)
		or die "$sql: $err";
	chomp $out;
	return $out;
}

ask(q{
	CREATE EXTENSION IF NOT EXISTS citus;
	CREATE EXTENSION IF NOT EXISTS recsys;
	DROP SCHEMA IF EXISTS recsys_citus CASCADE;
	CREATE SCHEMA recsys_citus;
	CREATE TABLE plain (i integer, b bigint, x float8, ts timestamptz, s text, a audience, t tagset, f boolean, g integer);
	INSERT INTO plain
	SELECT i, CASE WHEN i % 13 > 0 THEN (i::bigint * 7919) % 41 END, CASE WHEN i % 17 > 0 THEN (i * 31 % 101) / 8.0 END,
	  '2024-01-01'::timestamptz + (i * 37 % 400) * '1 hour'::interval, CASE WHEN i % 11 > 0 THEN 'k' || i * 7 % 23 END,
	  audience(ARRAY[i % 50, i, i * 1000]), CASE WHEN i % 19 > 0 THEN tagset(ARRAY['k' || i * 7 % 23, 'm' || i % 3]) END, i % 3 = 0, i % 20
	FROM generate_series(1, 800) i;
	CREATE TABLE spread (LIKE plain);
	SELECT create_distributed_table('spread', 'g');
	INSERT INTO spread TABLE plain});
my $forms = slurp_file("$FindBin::Bin/../lib/aggregate_forms.sql");
is( ask($forms . q{
	INSERT INTO form VALUES
	  ('by the distribution column', 'Custom Scan', '', 'SELECT d.g, %1$s(%2$s)::text FROM spread d GROUP BY 1', 'SELECT d.g, %1$s(%2$s)::text FROM plain d GROUP BY 1'),
	  ('by another column', 'Custom Scan', '', 'SELECT d.f, %1$s(%2$s)::text FROM spread d GROUP BY 1', 'SELECT d.f, %1$s(%2$s)::text FROM plain d GROUP BY 1'),
	  ('one group', 'Custom Scan', '', 'SELECT %1$s(%2$s)::text FROM spread d', 'SELECT %1$s(%2$s)::text FROM plain d');
	SELECT string_agg(r, E'\n') FROM form f, aggregate_call a, LATERAL pg_temp.check_form(a, f) r}),
	'', 'every aggregate is the same over a distributed table');
# "disabled" makes Citus refuse what it cannot split
is( ask($forms . q{
	SET citus.coordinator_aggregation_strategy = 'disabled';
	CREATE FUNCTION pg_temp.not_split(call text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		line text;
		plan text := '';
	BEGIN
		FOR line IN EXECUTE format('EXPLAIN (VERBOSE, COSTS off) SELECT %s FROM spread d', call) LOOP
			plan := plan || line;
		END LOOP;
		RETURN CASE WHEN plan !~ 'worker_partial_agg' THEN call END;
	EXCEPTION WHEN feature_not_supported THEN
		RETURN call || ': ' || SQLERRM;
	END $$;
	SELECT string_agg(pg_temp.not_split(format('%s(%s)', proname, arguments)), E'\n')
	FROM aggregate_call c JOIN pg_aggregate a ON a.aggfnoid = c.oid JOIN pg_type t ON t.oid = a.aggtranstype WHERE t.typtype <> 'p'}),
	'', 'aggregates whose state is a value are split');
is( ask(q{SELECT (SELECT audience_union_agg(result::audience) FROM run_command_on_shards('spread', 'SELECT audience_agg(i) FROM %s'))
	= (SELECT audience_agg(i) FROM plain)}), 't', 'audiences of the shards, united');
is( ask(q{SELECT count(*) FROM spread s JOIN plain p USING (i) WHERE s.t::text IS DISTINCT FROM p.t::text OR s.a::text IS DISTINCT FROM p.a::text}),
	'0', 'values travel');
is( ask(q{SELECT count(*) FROM (
	(SELECT * FROM association_rules('SELECT i / 4, b FROM spread', min_count => 1) EXCEPT SELECT * FROM association_rules('SELECT i / 4, b FROM plain', min_count => 1))
	UNION ALL (SELECT * FROM association_rules('SELECT i / 4, b FROM plain', min_count => 1) EXCEPT SELECT * FROM association_rules('SELECT i / 4, b FROM spread', min_count => 1))) d}),
	'0', 'a query door');
ask('DROP SCHEMA recsys_citus CASCADE');
done_testing();
