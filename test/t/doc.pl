# What the documents say of the extension's objects, against the catalogs:
# doc/reference.md is up to date, every function is in a page that explains it,
# and doc/distribution.md has every aggregate in each of its tables.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $checkout = "$FindBin::Bin/../..";
my $node = PostgreSQL::Test::Cluster->new('doc');
$node->init;
$node->append_conf('postgresql.conf', slurp_file($ENV{RECSYS_CONF}));
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION recsys');

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'postgres';
my $written = "$checkout/doc/reference.md";
my $present = PostgreSQL::Test::Utils::tempdir . '/reference.md';
system("perl $checkout/test/tools/reference.pl >$present") == 0 or die 'reference.pl failed';
cmp_ok(-s $present, '>', 10000, 'the catalogs say much');
is(`diff $written $present`, '', 'doc/reference.md is up to date (bash test/tools/reference.sh writes it)');

my $pages = join "\n", map { slurp_file($_) } grep { !/reference\.md|distribution\.md/ } glob "$checkout/doc/*.md";
my (%function, %aggregate);
for (split /\n/, slurp_file($present)) {
	$function{$1} = 1 if /`([a-z_0-9]+)\(/;
	$aggregate{$1} = 1 if /`([a-z_0-9]+_agg)\(/;
}
cmp_ok(scalar keys %function, '>', 80, 'there are functions');
is(join(' ', grep { $pages !~ /\b$_\b/ } sort keys %function), '', 'every function is explained in a page');

my ($fdw, $citus) = slurp_file("$checkout/doc/distribution.md") =~ /^## Foreign(.*)^## Citus(.*)/ms;
for ([ 'postgres_fdw', $fdw ], [ 'Citus', $citus ]) {
	my ($name, $text) = @$_;
	my $rows = join "\n", map { (split /\|/)[1] // '' } grep { /^\|/ } split /\n/, $text;
	my %said;
	$said{$_}++ for $rows =~ /`([a-z_]+_agg)`/g;
	is(join(' ', sort keys %said), join(' ', sort keys %aggregate), "$name: every aggregate, and no other");
	is(join(' ', grep { $said{$_} > 1 } sort keys %said), '', "$name: each once");
}
my $split = join "\n", map { (split /\|/)[1] } grep { /^\|[^|]*\| on the workers \| split/ } split /\n/, $citus;
is( join(' ', sort $split =~ /`([a-z_]+_agg)`/g), $node->safe_psql('postgres', q{
	SELECT string_agg(DISTINCT aggfnoid::regproc::text, ' ') FROM pg_aggregate JOIN pg_type t ON t.oid = aggtranstype
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = aggfnoid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'recsys'
	WHERE typtype <> 'p' AND aggcombinefn <> 0}), 'Citus splits what the page says');
is( $node->safe_psql('postgres', q{
	SELECT string_agg(aggfnoid::regprocedure::text, ' ') FROM pg_aggregate JOIN pg_type t ON t.oid = aggtranstype
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = aggfnoid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'recsys'
	WHERE aggcombinefn = 0 OR typtype = 'p' AND (aggtranstype <> 'internal'::regtype OR aggserialfn = 0 OR aggdeserialfn = 0)}),
	'', 'every state can be combined and sent');

$node->stop;
done_testing();
