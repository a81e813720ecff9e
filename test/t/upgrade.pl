# What ALTER EXTENSION ... UPDATE leaves equals what CREATE EXTENSION makes.
#
# 1. From every released version whose script is in sql/ to the present one.
# 2. The mechanism itself, before and between releases: the install script is
#    cut in two at a statement, the first part stands for an older version, the
#    rest for its upgrade script.  Values stored under the older version are
#    read under the newer.  An upgrade that forgets something is found.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $checkout = "$FindBin::Bin/../..";
my $conf = slurp_file($ENV{RECSYS_CONF});

# a copy of the staged extension that scripts can be added to
my ($staged) = $conf =~ m{^dynamic_library_path = '(.*)/dest/}m;
die "cannot tell from $ENV{RECSYS_CONF} where the extension is staged" unless $staged;
$staged .= '/dest';
my $copy = PostgreSQL::Test::Utils::tempdir;
system_or_bail('cp', '-r', "$staged/.", $copy);
$conf =~ s/\Q$staged\E/$copy/g;
my ($scripts) = map { s{/recsys\.control$}{}r } split /\n/, `find $copy -name recsys.control`;

my ($version) = slurp_file("$scripts/recsys.control") =~ /^default_version *= *'(.*)'/m;

my $node = PostgreSQL::Test::Cluster->new('upgrade');
$node->init;
$node->append_conf('postgresql.conf', $conf);
$node->start;

my $databases = 0;

# All that the catalogs say after these commands, in a new database.
sub catalog {
	my (@commands) = @_;
	my $database = 'db' . ++$databases;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $_) for @commands;
	my $catalog = `psql -XAt -v ON_ERROR_STOP=1 -d '@{[$node->connstr($database)]}' -f $checkout/test/lib/catalog.sql`;
	die "catalog.sql failed" if $? != 0;
	return ($catalog, $database);
}

sub write_file {
	my ($name, $content) = @_;
	open my $file, '>', "$scripts/$name" or die "$name: $!";
	print $file $content;
	close $file;
}

# Equal, or the lines that are not.
sub same {
	my ($got, $expected, $name) = @_;
	my %seen;
	$seen{$_}++ for split /\n/, $expected;
	$seen{$_}-- for split /\n/, $got;
	is(join("\n", map { ($seen{$_} > 0 ? '- ' : '+ ') . $_ } grep { $seen{$_} } sort keys %seen), '', $name);
}

my ($fresh) = catalog('CREATE EXTENSION recsys');
cmp_ok(scalar(split /\n/, $fresh), '>', 100, 'the catalog of a fresh installation has many lines');
my ($elsewhere) = catalog('CREATE SCHEMA "Other one"; CREATE EXTENSION recsys SCHEMA "Other one"');
same($elsewhere, $fresh, 'another schema, the same catalog');
my ($moved) = catalog('CREATE SCHEMA a; CREATE EXTENSION recsys SCHEMA a', 'CREATE SCHEMA b; ALTER EXTENSION recsys SET SCHEMA b');
same($moved, $fresh, 'the same when it has been moved');

for my $file (glob "$scripts/recsys--*.sql") {
	my ($old) = $file =~ m{/recsys--([^-]*)\.sql$} or next;
	next if $old eq $version;
	my ($upgraded) = catalog("CREATE EXTENSION recsys VERSION '$old'", 'ALTER EXTENSION recsys UPDATE');
	same($upgraded, $fresh, "upgrade from $old");
}

# Statements end with a semicolon at the end of a line.
my @lines = split /^/, slurp_file("$scripts/recsys--$version.sql");
my $head = join '', grep { /^\\echo/ } @lines;
my $cut = $#lines;
--$cut until $cut < 0.8 * @lines && $lines[$cut] =~ /^COMMENT ON .*;$|^\t?'.*';$/ && $lines[ $cut + 1 ] =~ /^\s*$/;
write_file('recsys--0.1.sql', join '', @lines[ 0 .. $cut ]);
write_file("recsys--0.1--$version.sql", join '', $head, @lines[ $cut + 1 .. $#lines ]);

my ($upgraded, $database) = catalog(
	"CREATE EXTENSION recsys VERSION '0.1'",
	q{CREATE TABLE kept AS SELECT 'wine, female'::tagset AS t, audience_agg(i::bigint) AS a
	  FROM generate_series(1, 100000, 7) i;
	  CREATE INDEX ON kept USING gin (t)},
	'ALTER EXTENSION recsys UPDATE');
same($upgraded, $fresh, 'upgrade from a part of the present version');
is( $node->safe_psql($database, q{SELECT t @@ 'wine & female', a @> 50::bigint, a @> 51::bigint FROM kept}),
	't|t|f', 'stored values are read after the upgrade');
$node->safe_psql($database, 'DROP EXTENSION recsys CASCADE');

# something is forgotten
my $rest = join '', @lines[ $cut + 1 .. $#lines ];
ok($rest =~ s/PARALLEL SAFE/PARALLEL UNSAFE/, 'there is something to forget');
write_file("recsys--0.1--$version.sql", $head . $rest);
my ($wrong) = catalog("CREATE EXTENSION recsys VERSION '0.1'", 'ALTER EXTENSION recsys UPDATE');
isnt($wrong, $fresh, 'a forgotten property is found');

# a plain user installs and upgrades
$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN; CREATE DATABASE plain OWNER plain');
is($node->psql('plain', "CREATE EXTENSION recsys VERSION '0.1'; ALTER EXTENSION recsys UPDATE", extra_params => [ '-U', 'plain' ]),
	0, 'a plain user who owns the database installs and upgrades');

$node->stop;
done_testing();
