#!/usr/bin/env bash
# Quality of item similarity as a recommender, on four public data sets.
#
#   bash test/bench/quality.sh DIRECTORY [defaults]
#
# The directory has research/gowalla_{train,test}.csv.gz (the split of the NGCF
# and LightGCN papers), research/lastfm_user_artists.csv.gz,
# research/ml_latest_small_ratings.csv.gz (what was rated 4 and more) and
# research/tafeng_baskets.csv.gz (the last basket is the test).
#
# A user's score for an item is the sum over the user's training items of their
# neighbours' scores; all items are ranked but those of the training.  Recall@20
# is the mean over users of hits by the number of the user's items in the test.
# At most 100 neighbours per item.
#
# For each data set: the most popular items, plain cosine, Jaccard, the defaults, and
# what tune => true finds in the training data; for Gowalla published figures, too.
# The test decides nothing.  Takes two to three minutes.
#
# With the word defaults: the default and settings next to it on validation parts of the
# training data (NAME_fit and NAME_valid), and the mean of nDCG@20 by that of the default.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

if [ $# -lt 1 ] || [ ! -f "$1/research/gowalla_train.csv.gz" ]; then
	die "usage: quality.sh DIRECTORY [defaults]"
fi
find_postgres python3-scipy
make_workdir
build_extension CC="${CC:-gcc}"
start_cluster "shared_buffers = '1GB'" "jit = off"
bench=$SRC/test/bench
psql=("$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1)
"${psql[@]}" -c "CREATE EXTENSION recsys"
(cd "$1" && "${psql[@]}" -f "$bench/quality.sql")
PATH="$PG_BIN:$PATH" /usr/bin/python3 "$bench/quality.py" "${@:2}"
