"""Accuracy, log loss and mean confidence of default, closed form and GDA by the size of a task.

python trial.py real|emoji|synthetic|limit|tail ...
"""

import sys, os, time, json, resource
import numpy as np, torch
from pathlib import Path
from torch.nn.functional import normalize
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.gda import gda
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import load_generator

torch.set_num_threads(1)
S = Path(os.environ["STORES"])
GEN = {
    "default": load_generator("default").predict,
    "closed": load_generator("closed-form").predict,
    "gda": gda,
}


def load(name):
    st = FeatureStore.open(S / name)
    x, lab = st.mean_features()
    return st, torch.from_numpy(np.array(x)).float(), np.asarray(lab)


def score(w, q, y):
    L = []
    for a, b in zip(q.split(500), y.split(500)):
        lp = classify(a[None], w)[0].double().log_softmax(-1)
        p, best = lp.max(-1)
        L.append(torch.stack([(best == b).double(), -lp.gather(1, b[:, None])[:, 0], p.exp()], 1))
    return torch.cat(L).mean(0)


def show(label, rows):
    """rows: method -> list of (acc, loss, conf)"""
    out = [label]
    arr = {m: torch.stack(v) for m, v in rows.items()}
    for m, a in arr.items():
        mu = a.mean(0)
        out.append(f"{m} {100 * mu[0]:.1f} {mu[1]:.3f} c{mu[2]:.2f}")
    d = arr["default"] - arr["closed"]
    n = len(d)
    if n > 1:
        se = 2 * d.std(0) / n**0.5
        out.append(
            f"d {100 * d[:, 0].mean():+.2f}±{100 * se[0]:.2f} {d[:, 1].mean():+.3f}±{se[1]:.3f}"
        )
    else:
        out.append(f"d {100 * d[0, 0]:+.2f} {d[0, 1]:+.3f}")
    print(" | ".join(out), flush=True)


def run(sup, q, y, rows, methods=GEN):
    for m in methods:
        rows.setdefault(m, []).append(score(GEN[m](sup), q, y))


def pooled(names):
    parts = [load(n) for n in names]
    st = parts[0][0]
    X, L, T = [], [], []
    for (s, x, l), n in zip(parts, names):
        text = s.class_texts()
        for c in sorted(set(l)):
            if c not in text:
                continue
            r = x[l == c]
            if len(r) < 20:
                continue
            X.append(r)
            T.append(torch.from_numpy(text[c]).float())
    return st, X, torch.stack(T)


def real_tasks(st, X, T, n_way, k, n_tasks, seed=0, n_query=2):
    for t in range(n_tasks):
        r = np.random.default_rng([seed, t, n_way])
        ways = r.permutation(len(X))[:n_way]
        sup, q, y = [], [], []
        for i, c in enumerate(ways):
            p = r.permutation(len(X[c]))
            sup.append(X[c][p[:k]])
            qq = X[c][p[k : k + n_query]]
            q.append(qq)
            y += [i] * len(qq)
        yield (
            Support.of_tasks(
                torch.stack(sup)[None], T[ways][None], logit_scale=st.logit_scale, blocks=st.blocks
            ),
            torch.cat(q),
            torch.tensor(y),
        )


def synthetic(
    n_way, k, seed, width=256, within=1.0, names=2.0, n_query=2000, cone=0.0, spectrum=0.5
):
    g = torch.Generator().manual_seed(seed)
    s = (1 + torch.arange(width)).float() ** -spectrum
    s = s / s.square().mean().sqrt()
    mean = torch.randn(n_way, width, generator=g) * s
    text = mean + names * torch.randn(n_way, width, generator=g)
    cls = torch.randint(n_way, (n_query,), generator=g)
    off = cone * normalize(torch.randn(2, width, generator=g), dim=-1) * width**0.5
    rows = mean[:, None] + within * torch.randn(n_way, k, width, generator=g) + off[0]
    q = mean[cls] + within * torch.randn(n_query, width, generator=g) + off[0]
    f = lambda a: normalize(a, dim=-1)
    return Support.of_tasks(f(rows)[None], f(text + off[1])[None], logit_scale=50.0), f(q), cls


if __name__ == "__main__":
    what, args = sys.argv[1], sys.argv[2:]
    if what == "real":
        names, ways, shots, n = (
            args[0].split(","),
            *(list(map(int, a.split(","))) for a in args[1:3]),
            int(args[3]),
        )
        st, X, T = pooled(names)
        print(names, len(X), "classes")
        for N in ways:
            for k in shots:
                rows = {}
                for sup, q, y in real_tasks(st, X, T, N, k, n, n_query=max(2, 60 // N)):
                    run(sup, q, y, rows)
                show(f"{N} ways {k} shots", rows)
    if what == "emoji":
        sa, xa, la = load("emoji-google")
        sb, xb, lb = load("emoji-twitter")
        text = sa.class_texts()
        cl = sorted(set(la) & set(lb) & set(text))
        ia = {c: i for i, c in enumerate(la)}
        ib = {c: i for i, c in enumerate(lb)}
        for N in map(int, args[0].split(",")):
            rows = {}
            for t in range(int(args[1])):
                w = np.random.default_rng([t, N]).permutation(len(cl))[:N]
                a = xa[[ia[cl[i]] for i in w]]
                b = xb[[ib[cl[i]] for i in w]]
                tx = torch.stack([torch.from_numpy(text[cl[i]]).float() for i in w])
                run(
                    Support.of_tasks(
                        a[None, :, None], tx[None], logit_scale=sa.logit_scale, blocks=sa.blocks
                    ),
                    b,
                    torch.arange(len(w)),
                    rows,
                )
            show(f"emoji {len(w)} ways", rows)
    if what == "synthetic":
        n, kw = int(args[2]), {k: float(v) for k, v in (a.split("=") for a in args[3:])}
        for N in map(int, args[0].split(",")):
            for k in map(int, args[1].split(",")):
                rows = {}
                for t in range(n):
                    run(*synthetic(N, k, t, **kw), rows)
                show(f"synthetic {kw} {N} ways {k} shots", rows)
