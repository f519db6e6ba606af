"""Libraries whose entries are parts of sets: routing alone, domains, and one adapter of all.

    python -m tools.trials.domains STORE… [--parts N] [--seeds N] [--apart]

The classes of each store are divided into N parts of at most 20 classes at random; each part is an
entry. Without `--apart` each store is a library of its own, with it all stores are one library.
"""
# ruff: noqa

import argparse
from pathlib import Path
import numpy as np
import torch
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.library import domains as D
from metaadapter.apps.library.task_means import TaskMeans
from metaadapter.bench.evaluation.store_sets import set_of_store
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fit_adapter import predict_adapter

torch.set_num_threads(1)
generator, _ = shared_generator("default")


def parts_of(name, data, n_parts, n_shot, rng):
    usable = rng.permutation(np.flatnonzero(data.index.counts_C.numpy() > n_shot))
    for part in range(n_parts):
        classes = usable[part::n_parts][:20]
        support, query, way = [], [], []
        for place, number in enumerate(classes):
            rows = rng.permutation(np.flatnonzero(data.labels_n == number))
            support.append(rows[:n_shot])
            rest = rows[n_shot:][: max(1, 60 // len(classes))]
            query += list(rest)
            way += [place] * len(rest)
        yield dict(
            shots=data.look_up(torch.from_numpy(np.stack(support))),
            text=data.text_CD[torch.from_numpy(classes)],
            labels=[(name, int(c)) for c in classes],
            rows=data.look_up(torch.tensor(query)),
            way=torch.tensor(way),
            scale=data.logit_scale,
            blocks=data.blocks,
        )


def merged(parts):
    return predict_adapter(
        generator,
        Support.of_tasks(
            torch.cat([p["shots"] for p in parts])[None],
            torch.cat([p["text"] for p in parts])[None],
            logit_scale=parts[0]["scale"],
            blocks=parts[0]["blocks"],
        ),
    )


def figures(sets, n_parts, n_shot, seed):
    rng = np.random.default_rng(seed)
    parts = [p for name, d in sets.items() for p in parts_of(name, d, n_parts, n_shot, rng)]
    counts = [torch.full((len(p["labels"]),), n_shot) for p in parts]
    means = [p["shots"].mean(1) for p in parts]
    router = TaskMeans.of(means, text_END=[p["text"] for p in parts], counts_EN=counts)
    every = sorted({l for p in parts for l in p["labels"]})
    column = {l: i for i, l in enumerate(every)}
    rows = torch.cat([p["rows"] for p in parts])
    gold = torch.tensor([column[p["labels"][w]] for p in parts for w in p["way"].tolist()])
    entry = router.per_row(rows).double()
    groups = D.domains(torch.cat(means), torch.cat(counts), router.owners_M, [0] * len(parts))
    out = {}
    for name, split in {
        "entries": [[n] for n in range(len(parts))],
        "domains": groups,
        "one adapter": [list(range(len(parts)))],
    }.items():
        share = torch.stack([entry[:, g].sum(-1) for g in split], -1)
        each = []
        for g in split:
            own = torch.zeros(len(rows), len(every)).double()
            labels = torch.tensor([column[l] for n in g for l in parts[n]["labels"]])
            each.append(own.index_add(1, labels, probabilities(rows, merged([parts[n] for n in g])).double()))
        for k in (1, 2):
            top, at = share.topk(min(k, len(split)), -1)
            w = torch.zeros_like(share).scatter(1, at, top / top.sum(-1, keepdim=True))
            joint = sum(w[:, n, None] * e for n, e in enumerate(each))
            out[f"{name}, k = {k}"] = 100 * (joint.argmax(-1) == gold).double().mean().item()
    return out, len(groups)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--apart", action="store_true")
    given = parser.parse_args()
    sets = {s.name: set_of_store(s) for s in given.stores}
    for library in [sets] if given.apart else [{n: d} for n, d in sets.items()]:
        for n_shot in (1, 4, 16):
            runs = [figures(library, given.parts, n_shot, seed) for seed in range(given.seeds)]
            gain = np.array([r["domains, k = 1"] - r["entries, k = 1"] for r, _ in runs])
            less = np.array([r["domains, k = 1"] - r["one adapter, k = 1"] for r, _ in runs])
            half = lambda x: 2 * x.std(ddof=1) / len(x) ** 0.5
            print(",".join(library), n_shot, {k: round(float(np.mean([r[k] for r, _ in runs])), 1) for k in runs[0][0]},
                  f"domains {np.mean([n for _, n in runs]):.1f} gain {gain.mean():+.1f} ± {half(gain):.1f}, minus one adapter {less.mean():+.1f} ± {half(less):.1f}", flush=True)
