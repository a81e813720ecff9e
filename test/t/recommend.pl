# A recommender through what happens to a database: dump and restore by a plain
# user, replication, refreshes under readers, crash and cancel in a refresh.
# RECSYS_READ_SECONDS is how long readers and refreshes go on (default 10).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $conf = slurp_file($ENV{RECSYS_CONF});
my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', $conf . "autovacuum_naptime = 1s\nmax_connections = 80\nrestart_after_crash = on\n");
$node->start;

$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN; CREATE ROLE reader LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop OWNER shopkeeper');

# What the recommender says to everybody, as one value.
my $everything = q{SELECT md5(string_agg(r::text, ';' ORDER BY c, ordinality))
	FROM generate_series(1, 40) c, recommend('store.shop', c) WITH ORDINALITY r};

sub ask {
	my ($server, $database, $sql) = @_;
	return $server->safe_psql($database, $sql, extra_params => [ '-U', 'shopkeeper' ]);
}

# Customers 1 to 40 ask; those above 100 are two different crowds, and the state
# says which of them is there.
ask($node, 'shop', <<'SQL');
CREATE SCHEMA recsys_home;
CREATE EXTENSION recsys SCHEMA recsys_home;
ALTER DATABASE shop SET search_path = store, recsys_home;
CREATE SCHEMA store;
CREATE TABLE store.orders (crowd int, customer int, product bigint, quantity int);
SELECT setseed(0.1);
INSERT INTO store.orders SELECT -1, 1 + (random() * 39)::int, (random() * 60)::int, 1 FROM generate_series(1, 200);
INSERT INTO store.orders SELECT g % 2, 101 + (random() * 300)::int, (random() ^ (1 + g % 2) * 60)::int + (g % 2) * 7, 1 FROM generate_series(1, 4000) g;
CREATE INDEX ON store.orders (customer);
CREATE TABLE store.state (crowd int);
INSERT INTO store.state VALUES (0);
CREATE TABLE store.agreed (customer int PRIMARY KEY);
INSERT INTO store.agreed SELECT g FROM generate_series(1, 500) g WHERE g % 10 > 0;
SQL
ask($node, 'shop', <<'SQL');
SELECT create_recommender('shop', 'SELECT customer, product, quantity FROM orders WHERE crowd = -1 OR crowd = (SELECT crowd FROM state)',
	items => 'SELECT DISTINCT product, product % 5 AS category FROM orders',
	users => $$SELECT DISTINCT customer, ARRAY['group ' || customer % 4, 'size ' || customer % 7] FROM orders WHERE crowd = -1 OR crowd = (SELECT crowd FROM state)$$,
	consent => 'SELECT customer FROM agreed', log => true);
GRANT USAGE ON SCHEMA store, recsys_home TO reader;
GRANT SELECT ON shop, shop_model, shop_lists, orders, state, agreed TO reader;
SQL
my $old = ask($node, 'shop', $everything);
ask($node, 'shop', q{UPDATE state SET crowd = 1; SELECT refresh_recommender('shop')});
my $new = ask($node, 'shop', $everything);
isnt($old, $new, 'the two crowds lead to different models');
my $shown = 'SELECT md5(string_agg(l::text, chr(59) ORDER BY id, position)), count(*) FROM shop_log l';
ask($node, 'shop', q{SELECT count(*) FROM generate_series(1, 30) c, recommend('shop', c, 3, log => true)});
my $logged = ask($node, 'shop', $shown);
like($logged, qr/\|90$/, 'what is shown is logged');
is(ask($node, 'shop', 'SELECT count(DISTINCT "user") FROM shop_log'), '27', 'without names where there is no consent');

# dump and restore, all by the owner of the database
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
command_ok([ 'pg_dump', '-U', 'shopkeeper', '-d', $node->connstr('shop'), '-f', $dump ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER shopkeeper');
$node->safe_psql('postgres', 'ALTER DATABASE restored SET search_path = store, recsys_home');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'shopkeeper', '-d', $node->connstr('restored'), '-f', $dump ], 'restore');
is(ask($node, 'restored', $everything), $new, 'the restored recommender says the same');
is($node->safe_psql('restored', $everything, extra_params => [ '-U', 'reader' ]), $new, 'to those who were granted it, too');
is(ask($node, 'restored', q{SELECT count(*) FROM shop s JOIN recommenders r ON r.name = 'shop'::regclass WHERE s.built_at = r.built_at}), '1', 'the definition came with it');
is(ask($node, 'restored', $shown), $logged, 'and the log');
is(ask($node, 'restored', q{SELECT count(*) FROM recommend('shop', 1, 3, log => true); SELECT count(DISTINCT id) FROM shop_log}), "3\n31", 'which goes on');
is(ask($node, 'restored', q{SELECT refresh_recommender('shop', incremental => true) > 0; SELECT build_mode, changed FROM shop}), "t\nincremental|0", 'of which an incremental refresh has nothing to do');
is(ask($node, 'restored', q{UPDATE agreed SET customer = 1000 WHERE customer = 1; SELECT DISTINCT source FROM recommend('shop', 1)}), 'popular', 'a consent withdrawn counts at once');
is(ask($node, 'restored', 'UPDATE agreed SET customer = 1 WHERE customer = 1000'), '', 'and given back');
is(ask($node, 'restored', q{UPDATE state SET crowd = 0; SELECT refresh_recommender('shop') > 0}), 't', 'and can be refreshed');
is(ask($node, 'restored', $everything), $old, 'after which it says what it should');
is(ask($node, 'restored', q{SELECT drop_recommender('shop'); SELECT count(*) FROM pg_class WHERE relname LIKE 'shop%'}), "\n0", 'and dropped, model, log and all');

# a standby answers, and follows a refresh
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
# one session that has the recommender in its cache when the refresh arrives
my $session = $standby->background_psql('shop');
is($session->query_safe($everything), $new, 'the standby says the same');
ask($node, 'shop', q{UPDATE state SET crowd = 0; SELECT refresh_recommender('shop')});
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is($session->query_safe($everything), $old, 'and follows a refresh');
my ($status, undef, $error) = $standby->psql('shop', q{SELECT count(*) FROM recommend('shop', 1, 3, log => true)}, extra_params => [ '-U', 'shopkeeper' ]);
like($error, qr/cannot be logged in a read-only transaction.*log_recommendation\(\) in a transaction that can write/s, 'it says that it cannot log');
$session->quit;
$standby->stop;

# Readers and refreshes at once: each answer is that of one crowd or the other.
ask($node, 'shop', <<'SQL');
CREATE TABLE answers AS SELECT c AS customer, string_agg(r::text, ';' ORDER BY ordinality) AS answer
FROM generate_series(1, 40) c, recommend('shop', c) WITH ORDINALITY r GROUP BY c;
UPDATE state SET crowd = 1;
SELECT refresh_recommender('shop');
INSERT INTO answers SELECT c, string_agg(r::text, ';' ORDER BY ordinality)
FROM generate_series(1, 40) c, recommend('shop', c) WITH ORDINALITY r GROUP BY c;
CREATE INDEX ON answers (customer);
SQL
my $dir = PostgreSQL::Test::Utils::tempdir;
append_to_file("$dir/read.sql", <<'SQL');
\set customer random(1, 40)
SELECT 1 / count(*) FROM answers a WHERE a.customer = :customer AND a.answer = (SELECT string_agg(r::text, ';' ORDER BY ordinality) FROM recommend('shop', :customer::int) WITH ORDINALITY r);
SQL
append_to_file("$dir/refresh.sql", <<'SQL');
\set incremental random(0, 1)
UPDATE state SET crowd = 1 - crowd;
SELECT refresh_recommender('shop', incremental => :incremental::boolean);
SQL
my $seconds = $ENV{RECSYS_READ_SECONDS} // 10;
my ($out, $err);
my $ran = IPC::Run::run(
	[ 'pgbench', '-n', '-M', 'prepared', '-c', '50', '-j', '2', '-T', $seconds, '-U', 'shopkeeper',
		'-f', "$dir/read.sql\@60", '-f', "$dir/refresh.sql\@1", $node->connstr('shop') ],
	'>', \$out, '2>', \$err);
ok($ran && $out !~ /failed transactions: [1-9]/ && $err !~ /ERROR/, '50 clients read while others refresh, without an error or a wrong answer')
  or diag("$out\n$err");
my ($reads) = $out =~ /read\.sql.*?- (\d+) transactions/s;
my ($refreshes) = $out =~ /refresh\.sql.*?- (\d+) transactions/s;
note("$reads reads, $refreshes refreshes");
cmp_ok($refreshes, '>', 5, 'there were refreshes');
cmp_ok($reads, '>', 500, 'there were reads');

# A refresh that is killed or cancelled in the middle of its writing leaves
# everything as it was.
ask($node, 'shop', q{UPDATE state SET crowd = 0; SELECT refresh_recommender('shop')});
is(ask($node, 'shop', $everything), $old, 'the old model');
my $tables = ask($node, 'shop', 'SELECT count(*) FROM pg_class');
ask($node, 'shop', <<'SQL');
UPDATE state SET crowd = 1;
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_catalog.pg_sleep(0.1); RETURN NEW; END$$;
CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON shop_model FOR EACH ROW EXECUTE FUNCTION slow();
SQL
for my $attempt ('cancel full', 'kill full', 'cancel incremental', 'kill incremental') {
	my ($how, $mode) = split ' ', $attempt;
	my $incremental = $mode eq 'incremental' ? 'true' : 'false';
	my $refresh = IPC::Run::start(
		[ 'psql', '-X', '-U', 'shopkeeper', '-d', $node->connstr('shop'), '-c', "SELECT refresh_recommender('shop', $incremental)" ],
		'>', \my $stdout, '2>', \my $stderr);
	$node->poll_query_until('postgres',
		q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')}) or die 'no refresh to be seen';
	usleep(300_000);
	is(ask($node, 'shop', $everything), $old, "readers go on while it writes ($attempt)");
	# between two rows it does not sleep, so not by what it waits for
	my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND query LIKE '%SELECT refresh\_recommender%' AND pid <> pg_backend_pid()});
	if ($how eq 'cancel') {
		$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	}
	else {
		kill 'KILL', $pid;
	}
	$refresh->finish;
	isnt($stderr, '', "the refresh ended with an error ($attempt)");
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	is(ask($node, 'shop', $everything), $old, "the old model is there ($attempt)");
}
ask($node, 'shop', 'DROP TRIGGER slow ON shop_model; DROP FUNCTION slow()');
is(ask($node, 'shop', 'SELECT count(*) FROM pg_class'), $tables, 'nothing was left behind');
ask($node, 'shop', q{SELECT refresh_recommender('shop')});
is(ask($node, 'shop', $everything), $new, 'and the next refresh does its work');

$node->stop;
done_testing();
