# Two servers and postgres_fdw: every aggregate over a foreign table is what it
# is over the same rows at home, whether the rows are fetched or, where the
# foreign server is told that it has the extension, the aggregate is run over
# there; and so are operators in conditions, joins, query doors and a recommender.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = slurp_file($ENV{RECSYS_CONF});
my %node;
for my $name ('home', 'away') {
	$node{$name} = PostgreSQL::Test::Cluster->new($name);
	$node{$name}->init;
	$node{$name}->append_conf('postgresql.conf', $conf);
	$node{$name}->start;
}
my ($home, $away) = @node{ 'home', 'away' };
if ($home->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0') {
	plan skip_all => 'this server has no postgres_fdw';
}

my $columns = 'i integer, b bigint, x float8, ts timestamptz, s text, a audience, t tagset, f boolean, g integer';
my $data = qq{
	CREATE EXTENSION recsys;
	CREATE TABLE plain ($columns);
	INSERT INTO plain
	SELECT i, CASE WHEN i % 13 > 0 THEN (i::bigint * 7919) % 41 END, CASE WHEN i % 17 > 0 THEN (i * 31 % 101) / 8.0 END,
	  '2024-01-01'::timestamptz + (i * 37 % 400) * '1 hour'::interval, CASE WHEN i % 11 > 0 THEN 'k' || i * 7 % 23 END,
	  audience(ARRAY[i % 50, i, i * 1000]), CASE WHEN i % 19 > 0 THEN tagset(ARRAY['k' || i * 7 % 23, 'm' || i % 3]) END, i % 3 = 0, i % 2
	FROM generate_series(1, 800) i;
	ANALYZE plain};
$_->safe_psql('postgres', $data) for $home, $away;
my ($host, $port) = ($away->host, $away->port);
$home->safe_psql('postgres', qq{
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER fetching FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
	CREATE SERVER shipping FOREIGN DATA WRAPPER postgres_fdw
	  OPTIONS (host '$host', port '$port', dbname 'postgres', extensions 'recsys', fdw_startup_cost '0', fdw_tuple_cost '1');
	CREATE USER MAPPING FOR CURRENT_USER SERVER fetching;
	CREATE USER MAPPING FOR CURRENT_USER SERVER shipping;
	CREATE FOREIGN TABLE fetched ($columns) SERVER fetching OPTIONS (table_name 'plain');
	CREATE FOREIGN TABLE shipped ($columns) SERVER shipping OPTIONS (table_name 'plain');
	CREATE TABLE halves (LIKE plain) PARTITION BY LIST (g);
	CREATE TABLE half0 PARTITION OF halves FOR VALUES IN (0);
	CREATE FOREIGN TABLE half1 PARTITION OF halves FOR VALUES IN (1) SERVER shipping OPTIONS (table_name 'plain');
	INSERT INTO half0 SELECT * FROM plain WHERE g = 0;
	ANALYZE});

my $forms = slurp_file("$FindBin::Bin/../lib/aggregate_forms.sql");
my ($wrong, $count, $shipped) = split /\t/, $home->safe_psql('postgres', $forms . q{
	INSERT INTO form VALUES
	  ('rows are fetched', 'Agg', '', 'SELECT d.g, %1$s(%2$s)::text FROM fetched d GROUP BY 1', 'SELECT d.g, %1$s(%2$s)::text FROM plain d GROUP BY 1'),
	  ('one group of fetched rows', 'Agg', '', 'SELECT %1$s(%2$s)::text FROM fetched d', 'SELECT %1$s(%2$s)::text FROM plain d'),
	  ('groups over there', 'Foreign Scan', '', 'SELECT d.g, %1$s(%2$s)::text FROM shipped d GROUP BY 1', 'SELECT d.g, %1$s(%2$s)::text FROM plain d GROUP BY 1'),
	  ('one group over there', 'Foreign Scan', '', 'SELECT %1$s(%2$s)::text FROM shipped d', 'SELECT %1$s(%2$s)::text FROM plain d');
	CREATE FUNCTION pg_temp.is_shipped(a aggregate_call) RETURNS boolean LANGUAGE plpgsql AS $$
	DECLARE line text;
	BEGIN
	  FOR line IN EXECUTE format('EXPLAIN (VERBOSE) SELECT %s(%s) FROM shipped d', a.proname, a.arguments) LOOP
	    IF line ~ ('Remote SQL: .*' || a.proname) THEN RETURN true; END IF;
	  END LOOP;
	  RETURN false;
	END $$;
	SELECT string_agg(r, E'\n'), count(*), (SELECT string_agg(DISTINCT a.proname, ' ' ORDER BY a.proname) FROM aggregate_call a WHERE pg_temp.is_shipped(a))
	FROM form f, aggregate_call a, LATERAL pg_temp.check_form(a, f) r}, extra_params => [ '-F', "\t" ]);
is($wrong, '', 'every aggregate is the same over a foreign table');
cmp_ok($count, '>', 240, 'there were calls to compare');
# as doc/distribution.md says; before 15 a CASE in the arguments stays at home
my $ships = 'audience_agg audience_count_agg audience_intersect_agg audience_intersect_count_agg audience_measure_agg '
	. 'audience_union_agg audience_union_count_agg gini_agg lifecycle_thresholds_agg pareto_share_agg repurchase_clock_agg '
	. 'repurchase_rate_agg rfm_cuts_agg second_order_rate_agg tag_profile_agg tagset_agg tagset_intersect_agg tagset_union_agg';
my $version = $home->safe_psql('postgres', 'SHOW server_version_num');
$ships = join(' ', sort(split(' ', $ships), qw(association_rules_agg cross_similarity_agg frequent_itemsets_agg item_similarity_agg tag_portrait_agg tag_similarity_agg)))
	if $version >= 180000;
SKIP: {
	skip 'PostgreSQL before 15', 1 if $version < 150000;
	is($shipped, $ships, 'these run over there where the server is said to have the extension');
}

# the rows of partition half1 are those of g = 1
$away->safe_psql('postgres', 'DELETE FROM plain WHERE g = 0');
is( $home->safe_psql('postgres', $forms . q{
	INSERT INTO form VALUES
	  ('a partition over there', 'Append|Foreign', 'enable_partitionwise_aggregate=on', 'SELECT d.g, %1$s(%2$s)::text FROM halves d GROUP BY 1', 'SELECT d.g, %1$s(%2$s)::text FROM plain d GROUP BY 1'),
	  ('a part of the group over there', 'Append|Foreign', 'enable_partitionwise_aggregate=on', 'SELECT %1$s(%2$s)::text FROM halves d', 'SELECT %1$s(%2$s)::text FROM plain d');
	SELECT string_agg(r, E'\n') FROM form f, aggregate_call a, LATERAL pg_temp.check_form(a, f) r}),
	'', 'every aggregate is the same over partitions of which one is foreign');

sub both {
	my ($query, $name, $remote) = @_;
	(my $plain = $query) =~ s/\b(?:shipped|halves)\b/plain/g;
	my $expected = $home->safe_psql('postgres', "SET enable_indexscan = off; $plain");
	isnt($expected, '', "$name: there is something to compare");
	is($home->safe_psql('postgres', $query), $expected, $name);
	like($home->safe_psql('postgres', "EXPLAIN (VERBOSE) $query"), $remote, "$name: over there") if $remote;
}
$home->safe_psql('postgres', 'DELETE FROM plain WHERE g = 0; DELETE FROM half0');
both(q{SELECT i FROM shipped WHERE t @@ 'k3 & !m1' ORDER BY i}, 'a tag query', qr/Remote SQL: .*tagset_match/);
$away->safe_psql('postgres', 'CREATE INDEX ON plain USING gin (t)');
like($away->safe_psql('postgres', q{SET enable_seqscan = off; EXPLAIN SELECT i FROM plain WHERE tagset_match(t, 'k3 & !m1')}),
	qr/Index Cond/, 'which is a function there, and uses the index all the same');
both(q{SELECT i FROM shipped WHERE a @> 7::bigint ORDER BY i}, 'an id in an audience', qr/Remote SQL: .*@>/);
both(q{SELECT d.i, audience_and_count(d.a, e.a) FROM shipped d JOIN shipped e ON e.i = d.i + 2 WHERE d.i < 50 ORDER BY 1}, 'a join');
both(q{SELECT rhs, lhs, together FROM association_rules('SELECT i / 4, b FROM shipped', min_count => 1) ORDER BY 3 DESC, 1, 2 LIMIT 20}, 'rules from a query');
both(q{SELECT * FROM item_similarity('SELECT i / 4, b FROM shipped', n => 3)}, 'similarity from a query');
both(q{SELECT (rfm(max(ts), count(*), sum(x)) OVER ()).*, b FROM halves WHERE x > 0 GROUP BY b ORDER BY b}, 'a window function');

# a recommender over a foreign table: the history of a user is read over there
my @of = map { $home->safe_psql('postgres', qq{
	SELECT create_recommender('r_$_', 'SELECT b, i % 7, x FROM $_ WHERE x > 0 AND b IS NOT NULL') > 0;
	SELECT u, r.item, round(r.score::numeric, 9), r.source, r.because FROM generate_series(0, 40) u, recommend('r_$_', u, 3) r ORDER BY 1, 3 DESC, 2}) } 'shipped', 'plain';
isnt($of[1], '', 'recommendations');
is($of[0], $of[1], 'the same from a foreign table');

$_->stop for $home, $away;
done_testing();
