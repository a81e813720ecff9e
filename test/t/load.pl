# The pages of a new model, which do not go through the shared buffers: with any
# level of WAL, while checkpoints go on, after a crash and on a standby.  That the
# disk has them when a checkpoint says so cannot be seen here: a server that is
# stopped leaves to the operating system what it has written.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1, extra => ['--data-checksums']);
$node->append_conf('postgresql.conf', slurp_file($ENV{RECSYS_CONF}));
$node->start;

# Items of many lengths: some of their rows are stored out of line.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION recsys;
CREATE TABLE orders AS
SELECT g % 1300 AS customer, product FROM generate_series(1, 20000) g
JOIN (SELECT i, string_agg(md5((8 * i + k)::text), '') AS product FROM generate_series(0, 1999) i, generate_series(0, i % 8) k GROUP BY i) p
ON i = abs(hashint4(g)) % 2000;
SQL
my $rows = 'SELECT count(*), md5(string_agg(md5(m::text), chr(32) ORDER BY item COLLATE "C")) FROM shop_model m';

sub create {
	return $node->safe_psql('postgres', q{SELECT create_recommender('shop', 'SELECT customer, product FROM orders', similarity_options(n => 80))});
}

# by statements, row by row
create();
$node->safe_psql('postgres', q{DELETE FROM shop_model; SELECT refresh_recommender('shop')});
my $expected = $node->safe_psql('postgres', $rows);
my ($items) = $expected =~ /^(\d+)\|/;
cmp_ok($items, '>', 1900, 'there is a model');
cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'shop_model'}), '>', 0, 'with rows out of line');

# a standby, which has nothing but the WAL
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', q{SELECT drop_recommender('shop')});
create();
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is($standby->safe_psql('postgres', $rows), $expected, 'a standby has the rows');
$standby->stop;

# as if the operating system had lost all of the file
$node->safe_psql('postgres', q{SELECT drop_recommender('shop'); CHECKPOINT});
create();
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('shop_model')});
$node->stop('immediate');
truncate $file, 0 or die "$file: $!";
$node->start;
is($node->safe_psql('postgres', $rows), $expected, 'the WAL has all pages');

# Rows know their places, and pages that of their record, so that hints need not log them again.
if ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pageinspect'})) {
	is($node->safe_psql('postgres', q{CREATE EXTENSION pageinspect;
		SELECT count(*) > 100, bool_and(t_ctid = format('(%s,%s)', block, lp)::tid), bool_and((page_header(page)).lsn > '0/0')
		FROM (SELECT block, get_raw_page('shop_model', block) AS page
			FROM generate_series(0, (pg_relation_size('shop_model') / current_setting('block_size')::int)::int - 1) block OFFSET 0) p,
			heap_page_items(page)}), 't|t|t', 'pages are as they should be');
}

# Changes of rows can be decoded where that is what the WAL is for.
my %levels = (minimal => "max_wal_senders = 0\n", replica => "max_wal_senders = 2\n", logical => "max_wal_senders = 2\n");
for my $level (sort keys %levels) {
	$node->append_conf('postgresql.conf', "wal_level = $level\n$levels{$level}");
	$node->restart;
	$node->safe_psql('postgres', q{SELECT drop_recommender('shop')});
	$node->safe_psql('postgres', q{CREATE PUBLICATION everything FOR ALL TABLES; SELECT pg_create_logical_replication_slot('slot', 'pgoutput')})
	  if $level eq 'logical';
	my $checkpoints = IPC::Run::start(
		[ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
		'<', \("CHECKPOINT;\n" x 1000), '>', \my $out, '2>', \my $err);
	is(create(), $items, "wal_level = $level, while checkpoints are made");
	$node->stop('immediate');
	$checkpoints->finish;
	$node->start;
	is($node->safe_psql('postgres', $rows), $expected, 'after a crash the rows are there');
	is($node->safe_psql('postgres', q{SET enable_seqscan = off;
		SELECT count(*) FROM (SELECT DISTINCT product FROM orders) o JOIN shop_model ON item = product}), $items, 'the index finds them');
	if ($level eq 'logical') {
		# a message of the protocol begins with the letter of its kind
		is($node->safe_psql('postgres', q{SELECT count(*)
			FROM pg_logical_slot_get_binary_changes('slot', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')
			WHERE get_byte(data, 0) = ascii('I')}), $items + 1, 'and can be decoded, with that of the definition');
		$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('slot'); DROP PUBLICATION everything});
	}
	$node->stop;
	command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'checksums are right');
	$node->start;
}

# what is rolled back leaves nothing
my $tables = $node->safe_psql('postgres', 'SELECT count(*) FROM pg_class');
$node->safe_psql('postgres', q{BEGIN; SELECT create_recommender('other', 'SELECT customer, product FROM orders'); ROLLBACK});
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_class'), $tables, 'nothing was left behind');
is($node->safe_psql('postgres', q{
	BEGIN;
	SAVEPOINT s;
	SELECT create_recommender('other', 'SELECT customer, product FROM orders') \g /dev/null
	ROLLBACK TO s;
	SELECT create_recommender('other', 'SELECT customer, product FROM orders', similarity_options(n => 80)) \g /dev/null
	COMMIT;
	SELECT count(*) FROM (TABLE shop_model EXCEPT TABLE other_model) d}), '0', 'after a savepoint it is made again');

$node->stop;
done_testing();
