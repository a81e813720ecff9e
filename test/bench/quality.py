"""Offline quality of item similarity: called by quality.sh, which says what it does.

Models come from item_similarity_agg() through COPY ... (FORMAT binary); users are
scored by their history times the model, all items ranked but those of the history.
"""
import re
import subprocess
import sys

import numpy as np
import scipy.sparse as sp

CUT = 20
PAIR = np.dtype([("fields", ">i2"), ("l1", ">i4"), ("u", ">i8"), ("l2", ">i4"), ("i", ">i8")])
ROW = np.dtype([("fields", ">i2"),
                ("l1", ">i4"), ("item", ">i8"), ("l2", ">i4"), ("neighbour", ">i8"),
                ("l3", ">i4"), ("score", ">f8")])
SETS = ["gowalla", "lastfm", "ml", "tafeng"]

# Recall@20 on the Gowalla split as published (BARS leaderboard, GitHub reczoo/BARS)
PUBLISHED = [("ItemCF", .1570), ("SLIM", .1699), ("EASE", .1765), ("LightGCN", .1820), ("GF-CF", .1849)]

N = "n => 100"
MODELS = [("cosine", f"{N}, measure => 'cosine'"), ("Jaccard", f"{N}, measure => 'jaccard'"),
          ("default", N), ("tuned", f"{N}, tune => true")]
DEFAULT = {"user_power": 0.75, "beta": 0.4, "shrink": 10, "normalization": "'item'"}


def copy(query, dtype):
    """Rows of a query, and what the server said."""
    done = subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-c",
                           f"SET maintenance_work_mem = '1GB'; COPY ({query}) TO STDOUT (FORMAT binary)"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    return np.frombuffer(done.stdout[19:-2], dtype=dtype), done.stderr.decode()


def pairs(table, users, items):
    rows, _ = copy(f"SELECT DISTINCT u::bigint, i::bigint FROM {table}", PAIR)
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows["u"], rows["i"])), shape=(users, items))


def model(table, options, items):
    rows, said = copy(f"""SELECT r.item, r.neighbour, r.score FROM (
        SELECT item_similarity_agg(u, i, w, similarity_options({options})) a FROM {table}) q, unnest(a) r""", ROW)
    matrix = sp.csr_matrix((rows["score"].astype(np.float64), (rows["item"], rows["neighbour"])),
                           shape=(items, items))
    tuned = re.search("was tuned to (.*)", said)
    return matrix, tuned.group(1) if tuned else ""


def evaluate(history, truth, weights):
    """Recall: hits by the number of the user's items; nDCG: against the best possible order."""
    users = np.flatnonzero(np.diff(truth.indptr))
    scores = sp.csr_matrix(history[users] @ weights)
    discount = 1 / np.log2(np.arange(2, CUT + 2))
    ideal = np.concatenate([[0], np.cumsum(discount)])
    recall = ndcg = 0.0
    for row, user in enumerate(users):
        items = scores.indices[scores.indptr[row]:scores.indptr[row + 1]]
        values = scores.data[scores.indptr[row]:scores.indptr[row + 1]].copy()
        values[np.isin(items, history.indices[history.indptr[user]:history.indptr[user + 1]])] = 0
        top = np.argpartition(-values, CUT)[:CUT] if len(values) > CUT else np.arange(len(values))
        top = top[values[top] > 0]
        top = items[top[np.lexsort((items[top], -values[top]))]]
        wanted = truth.indices[truth.indptr[user]:truth.indptr[user + 1]]
        hits = np.isin(top, wanted)
        recall += hits.sum() / len(wanted)
        ndcg += discount[:len(top)][hits].sum() / ideal[min(len(wanted), CUT)]
    return recall / len(users), ndcg / len(users)


def popularity(history, truth):
    """The same list for all, but for what a user has: as a model, every item is next to the most popular."""
    counts = np.asarray(history.sum(0)).ravel()
    best = np.argsort(-counts, kind="stable")[:2000]
    recall, ndcg, users = 0.0, 0.0, np.flatnonzero(np.diff(truth.indptr))
    discount = 1 / np.log2(np.arange(2, CUT + 2))
    for u in users:
        top = best[~np.isin(best, history.indices[history.indptr[u]:history.indptr[u + 1]])][:CUT]
        wanted = truth.indices[truth.indptr[u]:truth.indptr[u + 1]]
        hits = np.isin(top, wanted)
        recall += hits.sum() / len(wanted)
        ndcg += discount[:len(top)][hits].sum() / discount[:len(wanted)].sum()
    return recall / len(users), ndcg / len(users)


def size(name):
    row = copy(f"SELECT max(u) + 1, max(i) + 1 FROM (SELECT u, i FROM {name}_train"
               f" UNION ALL SELECT u, i FROM {name}_test) x", PAIR)[0][0]
    return int(row["u"]), int(row["i"])


def table():
    print(f"{'data':8} {'model':14} recall@20 nDCG@20")
    for name in SETS:
        users, items = size(name)
        train, test = (pairs(f"{name}_{part}", users, items) for part in ("train", "test"))
        print(f"{name:8} {'most popular':14} {'%9.4f %7.4f' % popularity(train, test)}", flush=True)
        for label, options in MODELS:
            weights, tuned = model(f"{name}_train", options, items)
            print(f"{name:8} {label:14} {'%9.4f %7.4f' % evaluate(train, test, weights)}  {tuned}", flush=True)
        if name == "gowalla":
            for label, recall in PUBLISHED:
                print(f"{name:8} {label:14} {recall:9.4f}          published", flush=True)


def defaults():
    """The default and its neighbours on the validation splits: mean of nDCG by that of the default."""
    candidates = [DEFAULT] + [dict(DEFAULT, **change) for change in (
        {"user_power": 0.5}, {"user_power": 1}, {"beta": 0.3}, {"beta": 0.5}, {"shrink": 5}, {"shrink": 20},
        {"alpha": 0.9, "beta": 0.3, "shrink": 2, "normalization": "'none'"},
        {"alpha": 0.8, "beta": 0.2, "shrink": 0, "user_power": 1, "normalization": "'none'"})]
    total = np.zeros(len(candidates))
    for name in SETS:
        users, items = size(name)
        fit, valid = (pairs(f"{name}_{part}", users, items) for part in ("fit", "valid"))
        ndcg = [evaluate(fit, valid, model(f"{name}_fit", ", ".join(
            [N] + [f"{k} => {v}" for k, v in c.items()]), items)[0])[1] for c in candidates]
        total += np.array(ndcg) / ndcg[0] / len(SETS)
        print(f"{name:8}", " ".join(f"{x:7.4f}" for x in ndcg), flush=True)
    print("relative", " ".join(f"{x:7.4f}" for x in total))
    for number, candidate in enumerate(candidates):
        print(number + 1, candidate)


if __name__ == "__main__":
    defaults() if sys.argv[1:] == ["defaults"] else table()
