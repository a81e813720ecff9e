# Long work of item similarity: workers are started, the phase can be watched,
# and a cancelled or terminated statement leaves no worker behind.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

plan skip_all => 'processes are looked for in /proc' unless -r '/proc/self/cmdline';

my $node = PostgreSQL::Test::Cluster->new('similarity');
$node->init;
$node->append_conf('postgresql.conf', slurp_file($ENV{RECSYS_CONF}));
$node->append_conf('postgresql.conf', "max_worker_processes = 8\nmax_parallel_maintenance_workers = 2");
$node->start;
$node->safe_psql('postgres', q{
  CREATE EXTENSION recsys;
  -- 150 items of each of 8000 users: seconds of work
  CREATE UNLOGGED TABLE dense AS
  SELECT u, abs(hashint8(u * 1000 + g)) % 8000 AS i FROM generate_series(1, 8000) u, generate_series(1, 150) g;
  VACUUM ANALYZE dense});

# Workers without a database are in no view, and a bare Debian has no ps.
sub workers
{
	my ($pid) = @_;
	my @found;

	foreach my $file (glob '/proc/[0-9]*/cmdline')
	{
		open my $handle, '<', $file or next;
		my $title = <$handle> // '';
		push @found, $file =~ /(\d+)/ if $title =~ /recsys worker for PID $pid\b/;
	}
	return @found;
}

# Waits until there are workers of a process, or none any more.
sub wait_for_workers
{
	my ($pid, $wanted) = @_;

	foreach (1 .. 1800)
	{
		return 1 if (workers($pid) > 0) == $wanted;
		usleep(100_000);
	}
	return 0;
}

# the process that works, without the workers that read for it
my $at_work = q{FROM pg_stat_activity WHERE application_name = 'work' AND backend_type = 'client backend'};
my $working = "SELECT pid $at_work";
my $busy = q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE '/* item similarity: product%'};
my $work = q{SELECT count(*) FROM item_similarity('SELECT u, i FROM dense', measure => 'llr', n => 10)};

sub start_work
{
	my ($out, $err) = @_;

	return IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', "SET application_name = 'work'",
			'-c', $work ], '<', \undef, '>', $out, '2>', $err);
}

foreach my $how ('cancel', 'terminate')
{
	my ($out, $err) = ('', '');
	my $run = start_work(\$out, \$err);

	ok($node->poll_query_until('postgres', "SELECT ($busy) > 0"), "$how: the phase can be watched");
	my $pid = $node->safe_psql('postgres', $working);
	ok(wait_for_workers($pid, 1), "$how: workers are at it");
	$node->safe_psql('postgres', qq{SELECT pg_${how}_backend(pid) $at_work});
	my $start = time;
	$run->finish;
	my $took = time - $start;
	like($err, $how eq 'cancel' ? qr/canceling statement/ : qr/terminating connection/, "$how: the statement ends");
	ok($took < 3, "$how: at once");
	note sprintf('%s took %.3f s', $how, $took);
	ok(wait_for_workers($pid, 0), "$how: no worker stays");
}

# cancelled at some moments, from reading on: even on a busy machine two of them have to end at once
{
	my @took;

	foreach my $delay (0.05, 0.15, 0.3, 0.6, 1.2)
	{
		my ($out, $err) = ('', '');
		my $run = start_work(\$out, \$err);

		$node->poll_query_until('postgres', qq{SELECT count(*) > 0 $at_work AND state = 'active'});
		usleep($delay * 1_000_000);
		$node->safe_psql('postgres', qq{SELECT pg_cancel_backend(pid) $at_work});
		my $start = time;
		$run->finish;
		push @took, time - $start if $err =~ /canceling statement/;
		usleep(1000) while $node->safe_psql('postgres', "SELECT count(*) $at_work") ne '0';
	}
	@took = sort { $a <=> $b } @took;
	ok(@took >= 3, 'statements were cancelled while they worked');
	ok($took[1] < 0.1, 'and end within 100 ms');
	note sprintf('cancelled: %s s', join(', ', map { sprintf '%.3f', $_ } @took));
}

# a worker that is terminated in the midst of a block ends the statement, and one
# between two blocks leaves the rest to the others; the server goes on
{
	my ($out, $err) = ('', '');
	my $run = start_work(\$out, \$err);

	$node->poll_query_until('postgres', "SELECT ($busy) > 0");
	my $pid = $node->safe_psql('postgres', $working);
	wait_for_workers($pid, 1);
	kill 'TERM', workers($pid);
	$run->finish;
	ok($err eq '' ? $out eq "80000\n" : $err =~ /a parallel worker was terminated/,
		'when a worker is terminated nothing is lost without an error') or diag "$out$err";
	ok(wait_for_workers($pid, 0), 'no worker stays');
	is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server goes on');
}

# workers wait for a cursor that is half read, and go with it
foreach my $how ('CLOSE c', 'ROLLBACK TO before', 'SELECT 1 / 0', 'terminate')
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', "SET application_name = 'work'",
			'-c', 'BEGIN', '-c', 'SAVEPOINT before',
			'-c', q{DECLARE c CURSOR FOR SELECT * FROM item_similarity('SELECT u, i FROM dense WHERE u < 1500', n => 1000)},
			'-c', 'FETCH c', '-c', 'SELECT pg_sleep(2)', '-c', ($how eq 'terminate' ? 'SELECT 1' : $how),
			'-c', 'SELECT pg_sleep(600)', '-c', 'ROLLBACK', '-c', 'SELECT pg_sleep(600)' ],
		'<', \undef, '>', \$out, '2>', \$err);

	$node->poll_query_until('postgres', qq{SELECT count(*) = 1 $at_work AND query LIKE '%pg_sleep(2)'});
	my $pid = $node->safe_psql('postgres', $working);
	ok(wait_for_workers($pid, 1), "$how: workers wait");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)") if $how eq 'terminate';
	ok(wait_for_workers($pid, 0), "$how: no worker stays");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	$run->finish;
	usleep(1000) while $node->safe_psql('postgres', "SELECT count(*) $at_work") ne '0';
}

# Rules take no more memory where a worker joins in, or is expected and does not come:
# what one process can do is done, with blocks of sets larger than what is left of it.
$node->safe_psql('postgres', q{
  SELECT setseed(0.5);
  CREATE UNLOGGED TABLE baskets AS SELECT b AS basket, i AS item FROM generate_series(1, 3000) b, generate_series(1, 100) i WHERE random() < 0.6;
  INSERT INTO baskets SELECT DISTINCT b, 101 + (random() * 999)::int FROM generate_series(3001, 153000) b, generate_series(1, 5) k ORDER BY 1});
my $sets = sub {
	my ($memory, $workers, $slots) = @_;
	return $node->safe_psql('postgres', qq{SET maintenance_work_mem = '$memory kB'; SET max_parallel_maintenance_workers = $workers; SET max_parallel_workers = $slots;
		SELECT count(*), sum(together) FROM frequent_itemsets('SELECT basket, item FROM baskets', min_count => 100, max_length => 3)});
};
my @memory = (16000, 17000, 18000, 19000, 20000);
my $alone = $sets->(17000, 0, 1);
is($sets->($_, 1, 1), $alone, "sets with a worker in $_ kB") for @memory;
{
	my ($out, $err) = ('', '');
	my $run = start_work(\$out, \$err);
	my $pid = $node->safe_psql('postgres', $working);

	ok(wait_for_workers($pid, 1), 'all workers are taken');
	is($sets->($_, 1, 1), $alone, "sets without the worker in $_ kB") for @memory;
	$node->safe_psql('postgres', qq{SELECT pg_cancel_backend(pid) $at_work});
	$run->finish;
}

# so do lists that are kept until all are there: the same memory suffices
my $kept = sub {
	my ($memory, $workers) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', qq{SET maintenance_work_mem = '$memory kB'; SET max_parallel_maintenance_workers = $workers;
		SELECT count(*), sum(together) FROM item_similarity('SELECT u, i FROM dense WHERE u < 1500', n => 20, prune => 'neighbour')},
		stdout => \$out, stderr => \$err);
	return $out || ($err =~ /(not enough memory for the .*?) of/)[0];
};
my %kept;
foreach my $memory (map { 1000 * $_ } 4 .. 13)
{
	my $alone = $kept->($memory, 0);
	is($kept->($memory, 2), $alone, "lists in $memory kB with workers as without");
	$kept{$alone}++;
}
is(scalar(keys %kept), 3, 'there is memory, or not for lists, or not even for the product') or diag join "\n", %kept;

# without any worker to be had the result is the same
my $small = q{SELECT md5(string_agg(r::text, ',')) FROM item_similarity('SELECT u, i FROM dense WHERE u < 1500', n => 20) r};
my $with = $node->safe_psql('postgres', $small);
is($node->safe_psql('postgres', "SET max_parallel_workers = 0; $small"), $with, 'the same without workers');
is($node->safe_psql('postgres', "SET maintenance_work_mem = '6MB'; $small"), $with, 'the same in parts');

$node->stop;
done_testing();
