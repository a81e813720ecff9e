#!/usr/bin/env bash
# Checks tagsets on real data: the tags that users of Last.fm gave (HetRec 2011).
#
#   bash test/bench/tags_lastfm.sh DIRECTORY
#
# The directory holds lastfm_tags.csv.gz and lastfm_user_taggedartists.csv.gz,
# the data set's tables tags.dat and user_taggedartists.dat as CSV.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

[ $# -eq 1 ] || die "usage: $0 DIRECTORY"
data=$(cd "$1" && pwd)
for file in lastfm_tags lastfm_user_taggedartists; do
	[ -r "$data/$file.csv.gz" ] || die "no $file.csv.gz in $data"
done

# shellcheck disable=SC2119
find_postgres
make_workdir
# shellcheck disable=SC2119
build_extension
# shellcheck disable=SC2119
start_cluster

"$PG_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 <<SQL
CREATE EXTENSION recsys;
CREATE TABLE tags (tag_id int PRIMARY KEY, tag text);
\\copy tags FROM PROGRAM 'gzip -dc "$data/lastfm_tags.csv.gz"' CSV HEADER ENCODING 'UTF8'
CREATE TABLE tagged (user_id int, artist_id int, tag_id int, day int, month int, year int);
\\copy tagged FROM PROGRAM 'gzip -dc "$data/lastfm_user_taggedartists.csv.gz"' CSV HEADER
CREATE TABLE users AS
SELECT user_id, tagset_agg(tag) AS tags FROM tagged JOIN tags USING (tag_id) GROUP BY user_id;
CREATE INDEX ON users USING gin (tags);
ANALYZE users;
SELECT format('%s users, %s different tags, %s on average', count(*),
  (SELECT count(DISTINCT tag) FROM tags JOIN tagged USING (tag_id)), round(avg(tag_count(tags)), 1))
FROM users;
CREATE FUNCTION estimate(q text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE plan jsonb;
BEGIN
  EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM users WHERE tags @@ %L', q) INTO plan;
  RETURN plan->0->'Plan'->>'Plan Rows';
END \$\$;
CREATE TABLE checks AS
SELECT q, expected, n, (SELECT count(*) FROM users WHERE tags @@ q) AS scanned, 0::bigint AS indexed
FROM (VALUES (1, 'rock'::tagquery, 673), (2, 'pop', 585), (3, 'alternative', 532),
  (4, 'rock & pop', 340), (5, 'rock & pop & alternative', 228)) c(n, q, expected);
SET enable_seqscan = off;
UPDATE checks SET indexed = (SELECT count(*) FROM users WHERE tags @@ q);
SELECT format('%-26s expected %s, scanned %s, indexed %s, estimated %s: %s',
  q, expected, scanned, indexed, estimate(q::text),
  CASE WHEN expected = scanned AND expected = indexed THEN 'ok' ELSE 'WRONG' END)
FROM checks ORDER BY n;
SELECT format('portrait of the users of "rock": %s',
  string_agg(format('%s (TGI %s)', tag, round(tgi)), ', '))
FROM (SELECT p.*
  FROM (SELECT tag_portrait_agg(tags, tags @> 'rock'::text, tag_portrait_options(min_count => 20)) a
    FROM users) q, unnest(a) p
  WHERE p.tag <> 'rock' LIMIT 5) t;
SELECT 1 / (count(*) FILTER (WHERE expected <> scanned OR expected <> indexed) = 0)::int AS fine
FROM checks \\g /dev/null
SQL
