#!/usr/bin/env perl
# Writes doc/reference.md, all that the catalogs say of the extension's public
# objects, to standard output.  The database of psql's environment (PGHOST, ...)
# has the extension.  bash test/tools/reference.sh does all of it;
# test/t/doc.pl checks that the page is up to date.
use strict;
use warnings;
use FindBin;

my $src = "$FindBin::Bin/../../src";
my @folders = (
	[ rfm => 'RFM', 'rfm.md' ], [ lifecycle => 'Lifecycle', 'lifecycle.md' ], [ tags => 'Tags', 'tags.md' ],
	[ audience => 'Audiences', 'audience.md' ], [ rules => 'Rules', 'rules.md' ],
	[ similarity => 'Similarity', 'similarity.md' ], [ recommend => 'Recommenders', 'recommend.md' ]);

# the folder whose .sql creates an object of this name
my %home;
for my $file (glob "$src/*/*.sql") {
	my ($folder) = $file =~ m{/([a-z]+)/[^/]*$};
	open my $in, '<', $file or die "$file: $!";
	while (<$in>) {
		$home{$1} //= $folder if /^CREATE (?:FUNCTION|AGGREGATE|TYPE|VIEW) ([a-z_0-9]+)/;
	}
}

my $sql = <<'SQL';
SELECT set_config('search_path', quote_ident(nspname) || ', pg_catalog', false) AS path
FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'recsys' \gset
CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, obj_description(d.objid, d.classid::regclass::name) AS comment
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'recsys' AND d.deptype = 'e';
SELECT concat_ws(E'\t', kind, name, signature, replace(comment, E'\n', ' ')) FROM (
-- functions that a query calls: not those behind types, operators, casts, classes, aggregates and views
SELECT CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window function' ELSE 'function' END AS kind, proname::text AS name,
	format('%s(%s) → %s', proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)) AS signature, comment
FROM pg_proc p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE 'internal'::regtype <> ALL (proargtypes::oid[]) AND 'cstring'::regtype <> ALL (proargtypes::oid[])
	AND prorettype NOT IN ('internal'::regtype, 'cstring'::regtype)
	AND NOT EXISTS (SELECT FROM pg_operator WHERE p.oid IN (oprcode, oprrest, oprjoin))
	AND NOT EXISTS (SELECT FROM pg_aggregate WHERE p.oid IN (aggtransfn, aggfinalfn, aggcombinefn))
	AND NOT EXISTS (SELECT FROM pg_amproc WHERE amproc = p.oid) AND NOT EXISTS (SELECT FROM pg_cast WHERE castfunc = p.oid AND pronargs = 1 AND proname LIKE '%\_to\_%')
	AND NOT EXISTS (SELECT FROM pg_type WHERE p.oid IN (typinput, typoutput, typreceive, typsend, typanalyze))
	AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN member m ON m.objid = r.ev_class
		WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid)
UNION ALL
SELECT CASE typtype WHEN 'c' THEN 'row type' ELSE 'type' END, typname::text, CASE typtype WHEN 'c' THEN
	(SELECT format('%s (%s)', typname, string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum))
	 FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped) ELSE typname::text END, comment
FROM pg_type t JOIN member ON classid = 'pg_type'::regclass AND objid = t.oid
WHERE typelem = 0 AND (typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND relkind = 'c'))
UNION ALL
SELECT 'view', relname::text, format('%s (%s)', relname, (SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)), comment
FROM pg_class c JOIN member ON classid = 'pg_class'::regclass AND objid = c.oid WHERE relkind IN ('v', 'r')
UNION ALL
SELECT 'operator', coalesce(nullif(oprleft, 0), oprright)::regtype::text, format('%s → %s', concat_ws(' ', CASE WHEN oprleft <> 0 THEN format_type(oprleft, NULL) END, oprname,
	format_type(oprright, NULL)), format_type(oprresult, NULL)), comment
FROM pg_operator o JOIN member ON classid = 'pg_operator'::regclass AND objid = o.oid
UNION ALL
SELECT 'cast', CASE WHEN castsource IN (SELECT objid FROM member) THEN castsource ELSE casttarget END::regtype::text, format('%s → %s%s', castsource::regtype, casttarget::regtype,
	CASE castcontext WHEN 'i' THEN ' (implicit)' WHEN 'a' THEN ' (in assignments)' ELSE '' END), comment
FROM pg_cast c JOIN member ON classid = 'pg_cast'::regclass AND objid = c.oid
UNION ALL
SELECT 'operator class', c.opcintype::regtype::text, format('%s USING %s%s', opcname, amname, CASE WHEN opcdefault THEN ' (default)' ELSE '' END), comment
FROM pg_opclass c JOIN member ON classid = 'pg_opclass'::regclass AND objid = c.oid JOIN pg_am am ON am.oid = opcmethod
) o ORDER BY kind COLLATE "C", name COLLATE "C", signature COLLATE "C";
SQL

my $pid = open(my $psql, '-|') // die "fork: $!";
if ($pid == 0) {
	open my $feed, '|-', 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', '-' or die "psql: $!";
	print $feed $sql;
	close $feed;
	exit($? ? 1 : 0);
}
my %found;
while (my $line = <$psql>) {
	chomp $line;
	my ($kind, $name, $signature, $comment) = split /\t/, $line;
	(my $key = $name) =~ s/^"char"$|\[\]$//;
	# operators between a type of ours and another stand with ours
	my ($folder) = grep { defined } map { $home{$_} } $key, $signature =~ /([a-z_]+)/g;
	die "no .sql creates $kind $name" unless defined $folder;
	push @{ $found{$folder}{$kind} }, [ $name, $signature, $comment // '' ];
}
close $psql or die 'psql failed';

print "# All objects\n\nAll objects that a query may name, as described in the catalogs. ",
	"Written by `bash test/tools/reference.sh`; the\npages of the capabilities explain and show examples.\n";
for (@folders) {
	my ($folder, $title, $page) = @$_;
	print "\n## $title\n\nExplained in [$page]($page).\n";
	for my $kind ('aggregate', 'window function', 'function', 'view', 'type', 'row type', 'operator', 'operator class', 'cast') {
		my $list = $found{$folder}{$kind} or next;
		print "\n### \u$kind", ($kind =~ /s$/ ? 'es' : 's'), "\n\n";
		my $before = '';
		my @items;
		# overloads that say the same stand together
		for my $item (@$list) {
			if (@items && $items[-1][1] eq "$item->[0] $item->[2]") { push @{ $items[-1][0] }, $item->[1] }
			else { push @items, [ [ $item->[1] ], "$item->[0] $item->[2]", $item->[2] ] }
		}
		for (@items) {
			my ($signatures, undef, $comment) = @$_;
			print '- ', join("<br>\n  ", map { my $t = $_ =~ /`/ ? '``' : '`'; "$t$_$t" } @$signatures), "<br>\n  $comment\n";
		}
	}
}
