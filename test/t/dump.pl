# pg_dump and pg_restore of a database that uses everything: types in columns,
# indexes over them, thresholds, and a recommender with its model, with the
# extension in a schema of its own and in another one than the tables.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->append_conf('postgresql.conf', slurp_file($ENV{RECSYS_CONF}));
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE before; CREATE DATABASE after; CREATE DATABASE plain');

my $shop = "$FindBin::Bin/../demo/shop.sql";
$node->safe_psql('before', q{CREATE SCHEMA "Analytics"; CREATE EXTENSION recsys SCHEMA "Analytics";
  ALTER DATABASE before SET search_path = public, "Analytics";
  ALTER DATABASE after SET search_path = public, "Analytics";
  ALTER DATABASE plain SET search_path = public, "Analytics"});
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', 'customers=300', '-d', $node->connstr('before'), '-f', $shop ],
	'a generated shop');
$node->safe_psql('before', q{
  CREATE TABLE profiles AS
  SELECT customer_id, tagset_agg('buy:' || category, quantity) AS tags
  FROM purchases JOIN products p ON p.id = product_id GROUP BY 1;
  CREATE INDEX profiles_tags ON profiles USING gin (tags);
  CREATE TABLE crowds AS
  SELECT tag, audience_agg(customer_id) AS members FROM profiles, tags(tags) GROUP BY tag;
  CREATE TABLE thresholds AS
  SELECT rfm_cuts_agg(extract(epoch FROM timestamptz '2026-07-01 UTC' - last)::float8 / 86400, orders, amount::float8) AS cuts
  FROM (SELECT max(ordered_at) AS last, count(*) AS orders, sum(amount) AS amount FROM orders GROUP BY customer_id) c;
  CREATE TABLE queries (wanted tagquery DEFAULT 'buy:tea & !buy:coffee');
  INSERT INTO queries DEFAULT VALUES;
  CREATE VIEW wanted AS SELECT customer_id FROM profiles, queries WHERE tags @@ wanted;
  SELECT create_recommender('shop', 'SELECT customer_id, product_id FROM public.purchases');
});

my @questions = (
	'SELECT * FROM profiles ORDER BY customer_id',
	'SELECT * FROM crowds ORDER BY tag',
	'SELECT * FROM thresholds',
	'SELECT * FROM queries',
	'SELECT * FROM wanted ORDER BY 1',
	q{SET enable_seqscan = off; SELECT count(*) FROM profiles WHERE tags @@ 'buy:tea | buy:pets'},
	q{SELECT c.id, r.* FROM (SELECT id FROM customers ORDER BY id LIMIT 50) c, recommend('shop', c.id, 5) r ORDER BY 1, 3 DESC, 2},
	q{SELECT * FROM similar_items('shop', 1, 5)},
	q{SELECT query, options, built_at, rows, users, items FROM recommenders},
	q{SELECT pg_get_indexdef('profiles_tags'::regclass)});

my $dump = PostgreSQL::Test::Utils::tempdir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('before') ], 'pg_dump');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('after'), $dump ], 'pg_restore');
$node->command_ok([ 'pg_dump', '-f', "$dump.sql", '-d', $node->connstr('before') ], 'pg_dump as SQL');
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('plain'), '-f', "$dump.sql" ], 'psql reads it');

isnt($node->safe_psql('before', $_), '', "there is something to compare: $_") for @questions;

for my $database ('after', 'plain') {
	for my $question (@questions) {
		is($node->safe_psql($database, $question), $node->safe_psql('before', $question), "$database: $question");
	}
	cmp_ok($node->safe_psql($database, q{SELECT refresh_recommender('shop')}), '>', 100, "$database: the recommender can be refreshed");
	is($node->safe_psql($database, $questions[6]), $node->safe_psql('before', $questions[6]), "$database: and recommends the same");
}

$node->stop;
done_testing();
