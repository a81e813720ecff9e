
# The contract of doc/limits.md: what takes more memory than it may spills or
# stops with an error that names the setting, and everything long can be
# cancelled, whatever it is doing.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'code with a sanitizer takes more memory and time' if $ENV{RECSYS_SANITIZER};

my $node = PostgreSQL::Test::Cluster->new('limits');
$node->init;
$node->append_conf('postgresql.conf', slurp_file($ENV{RECSYS_CONF}));
# the least that PostgreSQL allows, or little more; workers are processes of their own
$node->append_conf('postgresql.conf', q(
shared_buffers = '64MB'
work_mem = '64kB'
maintenance_work_mem = '1MB'
max_parallel_workers = 0
max_parallel_workers_per_gather = 0
jit = off
autovacuum = off
fsync = off
));
$node->start;
$node->safe_psql('postgres', q(
CREATE EXTENSION recsys;
-- 60000 customers with 5 rows each, 50000 things
CREATE TABLE facts AS
SELECT u, (u * 7919::bigint + k * k * 104729) % 50000 AS item, (u * 31 + k) % 97 + 0.5 AS amount,
	'2024-01-01'::timestamptz + ((u * 17 + k * 101) % 700) * '1 day'::interval AS ts
FROM generate_series(1, 60000) u, generate_series(1, 5) k;
CREATE TABLE crowds AS SELECT 'dim' || i % 8 AS dim, 'c' || i AS name, audience_agg(i * 37 + k * (i % 5 + 1)) AS members
FROM generate_series(1, 400) i, generate_series(1, 3000) k GROUP BY i;
CREATE INDEX ON facts (u);
CREATE TABLE tagged AS SELECT u, tagset(ARRAY['a' || u % 50000, 'b' || u % 10, 'c' || u]) AS t, u % 7 = 0 AS inside FROM generate_series(1, 60000) u;
-- 96 MB of long ids that are not compressed, 200 of them different
CREATE TABLE long_ids (u int, item text);
ALTER TABLE long_ids ALTER item SET STORAGE EXTERNAL;
INSERT INTO long_ids SELECT i % 1000, repeat(md5((i % 200)::text), 100) FROM generate_series(1, 30000) i;
CREATE TABLE few_rules AS SELECT ARRAY[item] AS lhs, ARRAY[item % 5000] AS rhs, amount AS score FROM facts;
-- what was shown to each customer: an item of an order's, at the time of another
CREATE TABLE clicks AS SELECT u, item % 300 AS item, ts + '1 hour' AS ts FROM facts;
SET maintenance_work_mem = '64MB';
SELECT create_recommender('shop', 'SELECT u, item % 300, amount, ts FROM facts', items => 'SELECT i, ''c'' || i % 9 AS category FROM generate_series(0, 299) i', log => true);
INSERT INTO shop_log (id, "user", item, position, scene, source, ts)
SELECT row_number() OVER (), u, item % 300, 1, 'mail', 'personal', ts - '1 day'::interval FROM facts;
ANALYZE;
));

# Runs a query in a session whose address space may grow by so many megabytes.
sub limited
{
	my ($query, $megabytes) = @_;
	my ($out, $err) = ('', '');

	$node->psql('postgres', qq(
\\set VERBOSITY verbose
SELECT count(*) FROM facts WHERE u < 0;
SELECT pg_backend_pid() AS pid \\gset
\\setenv PID :pid
\\! prlimit --pid=\$PID --as=\$((1024 * (\$(awk '/^VmSize/ { print \$2 }' /proc/\$PID/status) + $megabytes * 1024)))
$query;
), stdout => \$out, stderr => \$err, on_error_stop => 0);
	return $err;
}

# Ten times and more of what work_mem or maintenance_work_mem hold, in 24 MB in
# all: of code that is loaded, the fixed parts of algorithms and the result too.
my $room = 24;
my @spills = (
	[ 'rfm() OVER ()', 'SELECT count(*) FROM (SELECT (rfm(ts, 1, amount) OVER ()).* FROM facts) q' ],
	[ 'rfm_table()', q(SELECT count(*) FROM rfm_table('SELECT u, ts, amount FROM facts')) ],
	[ 'rfm_cuts_agg()', 'SELECT rfm_cuts_agg(u, u, amount) FROM facts' ],
	[ 'pareto_tier()', q(SELECT count(*) FROM (SELECT pareto_tier(u::float8) OVER () FROM facts) q) ],
	[ 'gini_agg()', 'SELECT gini_agg(u) FROM facts' ],
	[ 'pareto_share_agg()', 'SELECT pareto_share_agg(u, 0.2) FROM facts' ],
	[ 'lifecycle_thresholds_agg()', 'SELECT lifecycle_thresholds_agg(u) FROM facts' ],
	[ 'repurchase_clock_agg()', 'SELECT count(c) FROM (SELECT repurchase_clock_agg(ts) AS c FROM facts GROUP BY u) q' ],
	[ 'audience_agg()', 'SELECT cardinality(audience_agg(u * 7919::bigint % 10000019)) FROM facts' ],
	[ 'audience_count_agg()', 'SELECT audience_count_agg(u * 7919::bigint % 10000019) FROM facts' ],
	[ 'audience_measure_agg()', 'SELECT audience_measure_sum(audience_measure_agg(u, item)) FROM facts WHERE u < 100000' ],
	[ 'audience_cross()', q(SELECT count(*) FROM audience_cross('SELECT * FROM crowds WHERE name < ''c13''')) ],
	[ 'audience_union_agg()', 'SELECT cardinality(audience_union_agg(members)) FROM crowds' ],
	[ 'audience_union_count_agg()', 'SELECT audience_union_count_agg(members) FROM crowds' ],
	[ 'audience_intersect_agg()', 'SELECT cardinality(audience_intersect_agg(members)) FROM crowds' ],
	[ 'audience_intersect_count_agg()', 'SELECT audience_intersect_count_agg(members) FROM crowds' ],
	[ 'audience_reach()', q(SELECT count(*) FROM audience_reach('SELECT name, members FROM crowds')) ],
	[ 'audience_eval()', q(SELECT cardinality(audience_eval('c1 | c2 & !c3', 'SELECT name, members FROM crowds'))) ],
	[ 'rfm_migration_agg()', q(SELECT cardinality(rfm_migration_agg(ROW(1, 1, 1, 111, 's' || u % 50)::rfm_grade, ROW(1, 1, 1, 111, 's' || item % 50)::rfm_grade, amount)) FROM facts) ],
	[ 'rfm_scheme_check()', q(SELECT count(*) FROM rfm_scheme_check('SELECT u::text, 1, 5, 1, 5, 1, 5 FROM facts WHERE u <= 100')) ],
	[ 'tagset_agg()', q(SELECT tag_count(tagset_agg('t' || item % 20000)) FROM facts) ],
	[ 'tagset_union_agg()', 'SELECT tag_count(tagset_union_agg(t)) FROM tagged WHERE u <= 30000' ],
	[ 'tagset_intersect_agg()', 'SELECT tag_count(tagset_intersect_agg(t)) FROM tagged' ],
	[ 'tag_profile_agg()', q(SELECT tag_count(tag_profile_agg(t, 1, now(), '1 day')) FROM tagged WHERE u <= 30000) ],
	[ 'tag_portrait_agg()', 'SELECT cardinality(tag_portrait_agg(t, inside)) FROM tagged WHERE u <= 15000' ],
	[ 'rules_apply()', q(SELECT count(*) FROM rules_apply('TABLE few_rules', ARRAY(SELECT generate_series(1, 1000)::bigint))) ],
	[ 'item_similarity(), long ids', q(SET maintenance_work_mem = '8MB'; SELECT count(*) FROM item_similarity(NULL::text, 'TABLE long_ids'); RESET maintenance_work_mem) ],
	[ 'association_rules(), long ids', q(SET maintenance_work_mem = '8MB'; SELECT count(*) FROM association_rules(NULL::text, 'TABLE long_ids', min_support => 0.5); RESET maintenance_work_mem) ],
	[ 'recommend()', q(SELECT count(*) FROM generate_series(1, 1000) u, recommend('shop', u, 10)) ],
	[ 'recommend_all()', q(SELECT count(*) FROM recommend_all('shop', 5, 'SELECT generate_series(1, 8000)')) ],
	[ 'recommender_report()', q(SELECT count(*) FROM recommender_report('shop', since => '2025-06-01', clicks => 'TABLE clicks')) ],
	[ 'best_sellers()', q(SELECT count(*) FROM best_sellers('shop', '500 days', 10, '2025-10-01')) ],
);
my @stops = (
	[ 'second_order_rate_agg()', 'SELECT second_order_rate_agg(u, ts) FROM facts' ],
	[ 'repurchase_rate_agg()', q(SELECT repurchase_rate_agg(u, ts, '30 days') FROM facts) ],
	[ 'cohort_retention_agg()', q(SELECT cardinality(cohort_retention_agg(u, ts, 'month')) FROM facts) ],
	[ 'frequent_itemsets_agg()', 'SELECT cardinality(frequent_itemsets_agg(u, item)) FROM facts' ],
	[ 'association_rules_agg()', 'SELECT cardinality(association_rules_agg(u, item)) FROM facts' ],
	[ 'frequent_itemsets()', q(SELECT count(*) FROM frequent_itemsets('SELECT u, item FROM facts')) ],
	[ 'association_rules()', q(SELECT count(*) FROM association_rules('SELECT u, item FROM facts')) ],
	[ 'sequence_rules()', q(SELECT count(*) FROM sequence_rules('SELECT u, item, ts FROM facts', '100 days')) ],
	[ 'audience_cross()', q(SELECT count(*) FROM audience_cross('TABLE crowds')) ],
	[ 'item_similarity(), ids', q(SELECT count(*) FROM item_similarity('SELECT u, item FROM facts')) ],
	[ 'item_similarity(), ids of text', q(SELECT count(*) FROM item_similarity(NULL::text, 'SELECT ''user '' || u || ''-'' || item, ''item '' || item || ''-'' || u FROM facts')) ],
	[ 'item_similarity_agg(), ids', 'SELECT cardinality(item_similarity_agg(u, item)) FROM facts' ],
	[ 'cross_similarity(), ids', q(SELECT count(*) FROM cross_similarity('SELECT u, item, item FROM facts')) ],
	[ 'cross_similarity_agg(), ids', 'SELECT cardinality(cross_similarity_agg(u, item, item)) FROM facts' ],
	[ 'tag_similarity()', q(SELECT count(*) FROM tag_similarity('SELECT u, t FROM tagged')) ],
	[ 'tag_similarity_agg()', 'SELECT cardinality(tag_similarity_agg(u, t)) FROM tagged' ],
	[ 'create_recommender()', q(SELECT create_recommender('large', 'SELECT u, item FROM facts')) ],
	[ 'refresh_recommender()', q(UPDATE shop SET query = 'SELECT u, item, amount, ts FROM public.facts'; SELECT refresh_recommender('shop')) ],
);
foreach my $case (@spills)
{
	is(limited($case->[1], $room), '', "$case->[0] spills");
}
foreach my $case (@stops)
{
	like(limited($case->[1], $room), qr/ERROR:  5(3[24]00|4000): .*(maintenance_)?work_mem/s, "$case->[0] names the setting");
}
# it has buffers of a few MB, and spills rows beyond half of its memory
my $similarity = q(SELECT count(*) FROM item_similarity('SELECT u % 1000, item % 200 FROM facts, generate_series(1, 5)'));
is(limited("SET maintenance_work_mem = '16MB'; $similarity", 40), '', 'item_similarity() spills');
# the matrix, too, where rows are the same again and again
is(limited(q(SELECT count(*) FROM item_similarity('SELECT u % 500, item % 7 FROM facts, generate_series(1, 12)')), $room), '', 'item_similarity() makes its matrix in parts');
my $model = q(SELECT create_recommender('dense', 'SELECT u % 1000, item % 200, amount, ts FROM facts, generate_series(1, 5)'));
is(limited("SET client_min_messages = warning; SET maintenance_work_mem = '16MB'; $model; SELECT refresh_recommender('dense')", 40), '', 'create_recommender() and refresh_recommender() spill');
# calls leave nothing behind before their statement ends either
my $report = q(SELECT count(*) FROM generate_series(1, 200000) g, rfm_cuts_report(CASE WHEN g > 0 THEN (SELECT rfm_cuts_agg(u, u, amount) FROM facts WHERE u < 100) END));
is(limited($report, $room), '', 'rfm_cuts_report() may be called often');
# a type's own limit
like(limited(q(SELECT tagset_agg('t' || u || '-' || item || '-' || k) FROM facts, generate_series(1, 4) k), 300),
	qr/ERROR:  54000: too many different tags/, 'tagset_agg() stops at the limit of a tagset');

# Cancellation: a statement is run to its end, and then with timeouts all over
# its time, each of which must be heeded.  The figure is that of the worst.
my @long = (
	(map { $_->[1] } @spills), $similarity,
	q(SELECT create_recommender('shop', 'SELECT u, item % 300, amount, ts FROM facts', items => 'SELECT i, ''c'' || i % 9 AS category FROM generate_series(0, 299) i', replace => true)),
	q(SELECT refresh_recommender('shop')),
	q(SELECT refresh_recommender('shop', incremental => true)),
	q(SELECT count(*) FROM recommend_all('shop', 5, 'SELECT generate_series(1, 2000)', lambda => 0.5, per_category => 2)),
	q(SELECT count(*) FROM cross_similarity('SELECT u % 5000, item % 2000, item % 500 FROM facts')),
	q(SELECT cardinality(cross_similarity_agg(u % 5000, item % 2000, item % 500)) FROM facts),
	q(SELECT count(*) FROM tag_similarity('SELECT u, t FROM tagged WHERE u <= 20000')),
	q(SELECT count(*) FROM (SELECT rules_apply('TABLE few_rules', ARRAY(SELECT generate_series(1, 1000)::bigint), 100) FROM generate_series(1, 3)) q),
	q(SELECT count(*) FROM sequence_rules('SELECT u % 20000, item % 300, ts FROM facts', '300 days', min_count => 2)),
	q(SELECT count(*) FROM association_rules('SELECT u % 10000, item % 300 FROM facts', min_count => 14, max_length => 3, redundant => false, significance => 'bh')),
	q(SELECT count(*) FROM frequent_itemsets('SELECT u, item % 300 FROM facts', min_count => 20)),
	q(SELECT count(*) FROM association_rules('SELECT u, item % 300 FROM facts', min_count => 20)),
	q(SELECT cardinality(association_rules_agg(u, item % 300, rules_options(min_count => 20))) FROM facts),
	q(SELECT count(*) FROM frequent_itemsets('SELECT u, item % 300 FROM facts', min_count => 20, target => 'closed')),
	q(SELECT count(*) FROM sequence_rules('SELECT u % 20000, item % 300, ts FROM facts', '100 days', min_count => 20)),
	q(SELECT cardinality(item_similarity_agg(u % 5000, item % 2000)) FROM facts),
	q(SELECT count(*) FROM item_similarity('SELECT u % 5000, item % 2000 FROM facts', tune => true)),
	q(SELECT repurchase_clock_agg(ts + k * '1 second'::interval) FROM facts, generate_series(1, 4) k),
	q(SELECT second_order_rate_agg(u, ts) FROM facts),
	q(SELECT cardinality(cohort_retention_agg(u, ts, 'month')) FROM facts),
	q(SELECT cardinality(tag_portrait_agg(t, inside)) FROM tagged),
	q(SELECT length(tagset_agg(t::text)::text) FROM tagged),
	q(SELECT length(audience_agg(u * 7919::bigint % 10000019)::text) FROM facts),
	q(SELECT cardinality(('{0-' || 40000000000 + u || '}')::audience) FROM generate_series(1, 3) u),
	q(SELECT count(*) FROM audience_members('{0-3000000}')),
	q(SELECT count(*) FROM audience_measure_members((SELECT audience_measure_agg(u, item) FROM facts))),
	q(SELECT count(*) FROM audience_reach('SELECT name, members FROM crowds')),
);
# milliseconds; on a machine with nothing else to do it is a matter of a few
my $limit = 500;
my $worst = 0;
$node->safe_psql('postgres', q(
ALTER DATABASE postgres SET maintenance_work_mem = '64MB';
CREATE FUNCTION late(query text, timeout int) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN NULL;
EXCEPTION WHEN query_canceled THEN
	RETURN extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000 - timeout;
END $$;
));
foreach my $query (@long)
{
	my $script = "SET client_min_messages = warning;\n\\timing on\n$query;\n\\timing off\n";
	my ($out, $err) = ('', '');

	$node->psql('postgres', $script, stdout => \$out, stderr => \$err);
	my ($total) = $out =~ /Time: ([0-9.]+) ms/;
	is($err, '', "runs: $query");
	next unless defined $total;
	my $quoted = $query;
	$quoted =~ s/'/''/g;
	my $most = 0;
	foreach my $share (0.03, 0.2, 0.4, 0.6, 0.8, 0.96)
	{
		my $timeout = int($total * $share);
		next if $timeout < 2;
		# other work on the machine delays as well: late is what is late every time
		my $least = $limit;
		foreach my $try (1 .. 5)
		{
			# where the time is up just before or after the query, the statement ends with the error itself
			my ($by, $error) = ('', '');
			$node->psql('postgres', "SET client_min_messages = warning; SET statement_timeout = $timeout; SELECT late('$quoted', $timeout)",
				stdout => \$by, stderr => \$error);
			fail("$query: $error") if $error !~ /^(|.*canceling statement due to statement timeout(\nCONTEXT: .*)?)$/;
			$by = 0 if $by eq '';
			$least = $by if $by < $least || $try == 1;
			last if $least < $limit;
		}
		$most = $least if $least > $most;
	}
	$worst = $most if $most > $worst;
	cmp_ok($most, '<', $limit, sprintf('%d ms, cancelled at most %d ms late: %s', $total, $most, $query));
}
diag(sprintf('latest cancellation: %d ms after the timeout', $worst));

$node->stop;
done_testing();
