"""The same vectors, users and queries in ChromaDB and FAISS: rows for the table of `make bench-memory`.

usage: others.py FOLDER [--chroma-rows N] [--seconds S]
"""
import argparse
import os
import sys
import time

import numpy as np

DIMENSIONS = 384
NEAREST = 10
BATCH = 5_000

arguments = argparse.ArgumentParser()
arguments.add_argument("folder")
arguments.add_argument("--chroma-rows", type=int, default=100_000, help="the first so many rows; 0 leaves ChromaDB out")
arguments.add_argument("--seconds", type=float, default=20.0)
arguments = arguments.parse_args()


def matrix(name, dtype="<f4"):
    return np.memmap(os.path.join(arguments.folder, name), dtype=dtype, mode="r")


vectors = matrix("vectors.f32").reshape(-1, DIMENSIONS)
queries = np.array(matrix("queries.f32")).reshape(-1, DIMENSIONS)
owners = np.array(matrix("users.u32", "<u4"))
starts = np.searchsorted(owners, np.arange(len(queries)))
ends = np.searchsorted(owners, np.arange(len(queries)), side="right")


def exact(user):
    scores = vectors[starts[user] : ends[user]] @ queries[user]
    return {int(starts[user]) + int(place) for place in np.argsort(-scores)[:NEAREST]}


def measure(what, users, search):
    """One after the other, for some seconds: how long each took, and what of the exact ten nearest it found."""
    times, found, sought, number = [], 0, 0, 0
    began = time.perf_counter()
    while time.perf_counter() - began < arguments.seconds:
        user = number * 7 % users
        number += 1
        start = time.perf_counter()
        ids = search(user)
        times.append(time.perf_counter() - start)
        if len(times) <= 200:
            right = exact(user)
            found += len(right & set(ids))
            sought += len(right)
    times = np.array(times) * 1000
    p50, p99 = np.percentile(times, [50, 99])
    rate = len(times) / arguments.seconds
    print(f"| {what} | 1 at once, {rate:.0f} a second | {len(times)} | {p50:.3f} ms | {p99:.3f} ms | {found / sought:.3f} |", flush=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


def faiss_rows():
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(DIMENSIONS)
    for at in range(0, len(vectors), BATCH):
        index.add(np.ascontiguousarray(vectors[at : at + BATCH]))
    rows = [np.arange(starts[user], ends[user], dtype="int64") for user in range(len(queries))]

    def search(user, selector):
        parameters = faiss.SearchParameters(sel=selector)
        return index.search(queries[user : user + 1], NEAREST, params=parameters)[1][0].tolist()

    name = f"FAISS {faiss.__version__}, flat, {len(vectors):,} rows"
    measure(f"{name}, ids as a batch", len(queries), lambda user: search(user, faiss.IDSelectorBatch(rows[user])))
    measure(
        f"{name}, ids as a range",
        len(queries),
        lambda user: search(user, faiss.IDSelectorRange(int(starts[user]), int(ends[user]))),
    )


def chroma_rows():
    import chromadb

    rows = min(arguments.chroma_rows, len(vectors))
    client = chromadb.PersistentClient(
        path=os.path.join(arguments.folder, f"chroma-{rows}"),
        settings=chromadb.Settings(anonymized_telemetry=False),
    )
    collection = client.get_or_create_collection("memories", metadata={"hnsw:space": "cosine"}, embedding_function=None)
    began = time.perf_counter()
    for at in range(collection.count(), rows, BATCH):
        to = min(at + BATCH, rows)
        collection.add(
            ids=[str(row) for row in range(at, to)],
            embeddings=np.ascontiguousarray(vectors[at:to]),
            metadatas=[{"user_id": int(owner)} for owner in owners[at:to]],
        )
        if to % (BATCH * 10) == 0:
            say(f"ChromaDB: {to} of {rows} rows after {time.perf_counter() - began:.0f} s")

    def search(user):
        found = collection.query(query_embeddings=queries[user : user + 1], n_results=NEAREST, where={"user_id": user}, include=[])
        return [int(id) for id in found["ids"][0]]

    # Users all of whose rows are in it.
    users = int(np.searchsorted(ends, rows, side="right"))
    measure(f"ChromaDB {chromadb.__version__}, `where` user, {rows:,} rows", users, search)


faiss_rows()
if arguments.chroma_rows:
    chroma_rows()
