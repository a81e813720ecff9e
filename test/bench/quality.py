"""Offline quality of item similarity: called by quality.sh, which says what it does.

Models come from item_similarity_agg() through COPY ... (FORMAT binary); users are
scored by their history times the model, all items ranked but those of the history.
"""
import subprocess

import numpy as np
import scipy.sparse as sp

CUT = 20
ROW = np.dtype([("fields", ">i2"),
                ("l1", ">i4"), ("item", ">i8"), ("l2", ">i4"), ("neighbour", ">i8"),
                ("l3", ">i4"), ("score", ">f8")])


def copy(query, dtype):
    out = subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-c",
                          f"SET maintenance_work_mem = '1GB'; COPY ({query}) TO STDOUT (FORMAT binary)"],
                         check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(out[19:-2], dtype=dtype)


def pairs(table, users, items):
    dtype = np.dtype([("fields", ">i2"), ("l1", ">i4"), ("u", ">i8"), ("l2", ">i4"), ("i", ">i8")])
    rows = copy(f"SELECT DISTINCT u::bigint, i::bigint FROM {table}", dtype)
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows["u"], rows["i"])), shape=(users, items))


def model(table, options, items):
    rows = copy(f"""SELECT r.item, r.neighbour, r.score FROM (
        SELECT item_similarity_agg(u, i, w, similarity_options({options})) a FROM {table}) q, unnest(a) r""", ROW)
    return sp.csr_matrix((rows["score"].astype(np.float64), (rows["item"], rows["neighbour"])),
                         shape=(items, items))


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
    counts = np.asarray(history.sum(0)).ravel()
    order = np.argsort(-counts, kind="stable")[:2000]
    recall, users = 0.0, np.flatnonzero(np.diff(truth.indptr))
    for u in users:
        seen = set(history.indices[history.indptr[u]:history.indptr[u + 1]])
        top = [i for i in order if i not in seen][:CUT]
        wanted = set(truth.indices[truth.indptr[u]:truth.indptr[u + 1]])
        recall += len(wanted.intersection(top)) / len(wanted)
    return recall / len(users)


SETS = ["gowalla", "lastfm", "ml", "tafeng"]
N = "n => 100"
COSINE = f"{N}, measure => 'cosine'"
CANDIDATES = [N] + [
    f"{N}, user_power => {p}, alpha => {a}, beta => {b}, shrink => {h}"
    for p, a, b, h in [(1, 0.7, 0.3, 0), (0.75, 0.8, 0.2, 0), (0.75, 0.8, 0.3, 0), (1, 0.8, 0.2, 2), (1, 0.75, 0.25, 2), (1, 0.75, 0.25, 5),
                       (1, 0.7, 0.3, 5), (0.75, 0.8, 0.2, 5)]] + [
    f"{N}, user_power => {p}, beta => {b}, shrink => {h}, normalization => 'item'"
    for p, b, h in [(0.75, 0.25, 0), (0.75, 0.35, 0), (1, 0.3, 0), (1, 0.4, 0), (1, 0.25, 2), (1, 0.25, 5), (1, 0.3, 5),
                    (0.75, 0.3, 2)]]


def size(name):
    dtype = np.dtype([("fields", ">i2"), ("l1", ">i4"), ("u", ">i8"), ("l2", ">i4"), ("i", ">i8")])
    row = copy(f"SELECT max(u) + 1, max(i) + 1 FROM (SELECT u, i FROM {name}_train"
               f" UNION ALL SELECT u, i FROM {name}_test) x", dtype)[0]
    return int(row["u"]), int(row["i"])


def main():
    print(f"{'data':8} {'model':72} recall@20 nDCG@20")
    for name in SETS:
        users, items = size(name)
        fit, valid, train, test = (pairs(f"{name}_{part}", users, items)
                                   for part in ("fit", "valid", "train", "test"))
        chosen = max(CANDIDATES, key=lambda o: evaluate(fit, valid, model(f"{name}_fit", o, items))[1])
        print(f"{name:8} {'most popular':72} {popularity(train, test):9.4f}", flush=True)
        for label, options in (("cosine", COSINE), ("defaults", N), ("chosen", chosen)):
            recall, ndcg = evaluate(train, test, model(f"{name}_train", options, items))
            print(f"{name:8} {label + ': ' + options:72} {recall:9.4f} {ndcg:7.4f}", flush=True)


if __name__ == "__main__":
    main()
