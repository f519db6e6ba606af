"""Draw clean tasks and tasks with faults; pickle their evidence.

python -m benchmarks.advice.draw_clean SET SEEDS random,similar,random-badnames,similar-badnames STORES OUT
"""

import sys, pickle
from pathlib import Path
import numpy as np, torch
from metaadapter.apps.advice.evidence import distances, evidence_of
from metaadapter.apps.advice.findings import groups_of_copies
from metaadapter.apps.advice.advise import _without_copies, _only
from metaadapter.features.encoded_pictures import read_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.labelled_support import labelled_support

torch.set_num_threads(1)
S = Path(sys.argv[4])


def read(name):
    st = FeatureStore.open(S / name)
    p = read_store(st)
    return p.features.astype(np.float32), np.array(p.labels), dict(st.class_texts()), st.blocks


def evid(X, y, texts, blocks):
    classes = sorted({*y, *texts})
    sup = labelled_support(X, list(y), classes, texts, None, blocks=blocks)
    numbers = sup.labelled_rows()[1].numpy()
    groups = groups_of_copies(distances(sup), numbers)
    kept = _without_copies(numbers, groups)
    ev = evidence_of(sup if len(kept) == len(y) else _only(sup, kept))
    order = [sup.order[p] for p in kept]
    return ev, order, classes, groups and [[sup.order[p] for p in g] for g in groups]


def similar(means, names, seed_class, n):
    i = names.index(seed_class)
    o = np.argsort(-(means @ means[i]), kind="stable")[:n]
    return [names[j] for j in o]


name, seeds = sys.argv[1], int(sys.argv[2])
kinds = sys.argv[3].split(",")  # random, similar, badnames
X, y, T, blocks = read(name)
others = [read(o) for o in ("caltech101-val", "clothing10.large", "tiny-imagenet-val") if o != name]
names = sorted(T)
M = np.stack([X[y == c].mean(0) for c in names])
M -= M.mean(0)
M /= np.linalg.norm(M, axis=1, keepdims=True)
out = []
for kind in kinds:
    for way in (10, 20):
        if way > len(names) and not (way == 10):
            continue
        w = min(way, len(names))
        for shots in (3, 5, 10, 20):
            for seed in range(seeds):
                rng = np.random.default_rng([seed, shots, way, len(kind)])
                cl = list(rng.permutation(names))
                chosen = similar(M, names, cl[0], w) if kind.startswith("similar") else cl[:w]
                rows = []
                for c in chosen:
                    own = rng.permutation(np.flatnonzero(y == c))
                    rows += own[:shots].tolist()
                Xs, ys = X[rows], y[rows]
                if kind.endswith("badnames"):
                    pool = others[seed % len(others)][2] if name != "omniglot56" else T
                    if X.shape[1] != others[0][0].shape[1]:
                        continue
                    picked = rng.permutation(sorted(pool))[:w] if len(pool) >= w else None
                    if picked is None:
                        pool = others[(seed + 1) % len(others)][2]
                        picked = rng.permutation(sorted(pool))[:w]
                        if len(picked) < w:
                            continue
                    texts = {c: pool[p] for c, p in zip(chosen, picked)}
                else:
                    texts = {c: T[c] for c in chosen}
                for fault in ("clean", "wrong", "stranger"):
                    yy, XX, truth = ys.copy(), Xs, set()
                    if fault == "wrong":
                        n = max(1, round(0.07 * len(ys)))
                        while True:
                            wr = rng.permutation(len(ys))[:n]
                            yy = ys.copy()
                            for p in wr:
                                yy[p] = rng.choice([c for c in chosen if c != ys[p]])
                            if len({*yy}) == w:
                                break
                        truth = {int(p) for p in wr}
                    if fault == "stranger":
                        o = others[seed % len(others)]
                        if o[0].shape[1] != X.shape[1]:
                            continue
                        XX = np.concatenate([Xs, o[0][[rng.integers(len(o[0]))]]])
                        yy = np.append(ys, rng.choice(chosen))
                        truth = {len(ys)}
                    ev, order, classes, groups = evid(XX, yy, texts, blocks)
                    out.append(
                        dict(
                            set=name,
                            kind=kind,
                            way=w,
                            shots=shots,
                            seed=seed,
                            fault=fault,
                            truth=truth,
                            ev=ev,
                            order=order,
                            classes=classes,
                            groups=groups,
                            n=len(yy),
                        )
                    )
pickle.dump(out, open(Path(sys.argv[5]) / f"{name}.pkl", "wb"))
print(name, len(out))
