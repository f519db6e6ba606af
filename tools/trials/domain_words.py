# ruff: noqa
# mypy: ignore-errors
"""Pictures asked in another domain without a pool: words for the domain (SHED), and a domain subspace.

For SET in caltech101-train, caltech101-val and clothing10.large, their copies .edges, .gray40 (of
caltech101-train also .noisy, .px20, .odd), emoji-google, emoji-twitter, pacs-photo.large and
pacs-cartoon.large; and tin, 60 pictures of 60 classes of tiny-imagenet-train:
    python -m tools.training_stores PICTURES --out STORES --only SET…
    metaadapter encode PICTURES/camtrap-us --out STORES/camtrap-us
LEVEL is own (the encoder's texts) or a level of made names, as in docs/explanation/names.md:
    python -m tools.trials.domain_words STORES OUT LEVEL PAIR…        # as in "photo>cartoon"
    python -m tools.trials.domain_words OUT                           # the table
"""

import sys, pickle, warnings, time
from collections import defaultdict
from pathlib import Path
import numpy as np, torch
from torch.nn.functional import normalize

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.features.encoded_pictures import read_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import shared_generator
from metaadapter.generator.domain_shift import _moved
from metaadapter.bench.evaluation.sets.name_level import Cones
from metaadapter.bench.evaluation.sets.made_names import SCALES

ST = [Path(p) for p in sys.argv[1].split(",")]  # several folders of stores, if there are
KINDS = ("edges", "gray40", "noisy", "px20", "odd")
N_TASK, N_Q, SHOTS = 24, 15, (1, 4, 8)
WORDS = {
    "cartoon": "a cartoon of a {}.",
    "photo": "a photo of a {}.",
    "edges": "a line drawing of a {}.",
    "gray40": "a blurry black and white photo of a {}.",
    "noisy": "a noisy grainy photo of a {}.",
    "px20": "a pixelated low resolution photo of a {}.",
    "infrared": "a black and white infrared night photo of a {}.",
    "day": "a photo of a {} in daylight.",
    "odd": "a posterized inverted picture of a {}.",
}
GEN, _ = shared_generator("default")


def store(name):
    for base in ST:
        if (base / name).is_dir():
            o = FeatureStore.open(base / name)
            break
    else:
        raise SystemExit("no store " + name)
    e = read_store(o)
    X = normalize(torch.from_numpy(np.asarray(e.features)).float(), dim=-1)
    return X, np.array(e.labels), o


def grey(o):
    """Whether a frame of a camera trap is without colours, as infrared frames are."""
    from metaadapter.data.decode import decode_image

    def spread(path):
        x = np.asarray(decode_image(path).resize((64, 64))).astype(float)
        return (x.max(-1) - x.min(-1)).mean()

    return np.array([spread(p.path) < 8 for p in o.rows.pictures()])


def unit_blocks_like(rows, like, blocks):
    out = rows.clone()
    a = 0
    for w in blocks:
        s = slice(a, a + w)
        a += w
        out[..., s] = normalize(rows[..., s], dim=-1) * like[..., s].norm(dim=-1, keepdim=True)
    return out


def old_elsewhere(logits_default, S, q):
    """Logits of text + mean in the text columns, added; temperature 3 (elsewhere.py before e5754548)."""
    text = S.text_TND
    read = text.any(1, keepdim=True)
    n = S.support_mask_TNK.sum(-1).float()
    w = (4 / n).sqrt().clamp(max=1)
    t = w[..., None] * normalize(text, dim=-1)
    r = normalize(S.support_TNKD * read[:, None], dim=-1)
    plain = normalize(t + normalize(r.sum(2), dim=-1), dim=-1)
    part = (S.support_TNKD * read[:, None]).norm(dim=-1).mean((1, 2))
    extra = 2 * S.logit_scale_T[:, None, None] / part[:, None, None] * (q @ plain.mT)
    return (logits_default + extra) / 3, extra


def main():
    out, level, pairs = Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
    tiny = None
    # --- training pairs of domains: offsets of classes
    base, by, o = store("caltech101-train")
    blocks, scale = o.blocks, o.logit_scale
    texts0 = o.class_texts()
    tplace = slice(0, blocks[0])
    assert any(np.any(v[: blocks[0]]) for v in texts0.values())
    cones = None if level == "own" else Cones((tplace,))
    bend = (lambda X: X) if cones is None else cones.pictures
    base = bend(base)

    def class_offsets(P, py, Q, qy, least=4):
        return torch.stack(
            [
                Q[qy == c].mean(0) - P[py == c].mean(0)
                for c in np.unique(py)
                if (qy == c).sum() >= least and (py == c).sum() >= least
            ]
        )

    offs = {
        k: class_offsets(
            base, by, *(lambda s: (bend(s[0]), s[1]))(store("caltech101-train." + k)[:2])
        )
        for k in KINDS
        if any((b / ("caltech101-train." + k)).is_dir() for b in ST)
    }
    G, gy, _ = store("emoji-google")
    W, wy, _ = store("emoji-twitter")
    G, W = bend(G), bend(W)
    order = {c: i for i, c in enumerate(wy)}
    offs["emoji"] = (
        W[[order[c] for c in gy if c in order]] - G[[i for i, c in enumerate(gy) if c in order]]
    )
    # ridge from text to picture, learned on classes of training sets (joint columns → all columns)
    if cones is None:
        A, B = [], []
        for s in ("caltech101-train", "tin"):
            X, y, oo = store(s)
            tt = oo.class_texts()
            cs = [c for c in np.unique(y) if c in tt]
            a = torch.stack([torch.from_numpy(np.array(tt[c])) for c in cs]).float()
            b = torch.stack([X[y == c].mean(0) for c in cs])
            A.append(a - a.mean(0))
            B.append(b - b.mean(0))
        A, B = torch.cat(A)[:, tplace], torch.cat(B)
        K = A @ A.T
        lam = 0.3 * K.diagonal().mean()
        proj = A.T @ torch.linalg.solve(K + lam * torch.eye(len(K)), B)  # 512 × D
        from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

        tiny = FrozenEncoder.load("tiny", device="cpu")
        from metaadapter.features.prompts import mean_over_templates

        def says(style, names):
            return (
                torch.from_numpy(
                    np.asarray(
                        tiny._encode_sentences(
                            [WORDS[style].format(n.replace("_", " ")) for n in names]
                        )
                    )
                )
                .float()
                .mean(0)
            )

    gen0 = torch.Generator().manual_seed(7)
    for pair in pairs:
        one, two = pair.split(">")

        def load(n):
            if n in ("day", "infrared"):
                X, y, o = store("camtrap-us")
                g = grey(o)
                keep = g == (n == "infrared")
                return X[keep], y[keep], o
            if n in ("photo", "cartoon"):
                return store(f"pacs-{n}.large")
            return store(n)

        X1, y1, o = load(one)
        X2, y2, _ = load(two)
        tt = {k: torch.from_numpy(np.array(v)).float() for k, v in o.class_texts().items()}
        style = lambda n: (
            n
            if n in WORDS
            else (n.rpartition(".")[2] if n.rpartition(".")[2] in KINDS else "photo")
        )
        s1, s2 = style(one), style(two)
        paired = (
            len(y1) == len(y2)
            and (y1 == y2).all()
            and "." in one + two
            and s1 != s2
            and one.split(".")[0] == two.split(".")[0]
        )
        names = [
            c
            for c in np.unique(y1)
            if (y1 == c).sum() >= (10 if paired else 8) and (y2 == c).sum() >= 8
        ]
        sc = scale
        if cones is not None:
            m = torch.stack([(X1[y1 == c].mean(0) + X2[y2 == c].mean(0)) / 2 for c in names])
            m = m - m.mean(0)
            M = torch.zeros_like(m)
            M[:, tplace] = normalize(m[:, tplace], dim=-1)
            nz = torch.zeros_like(m)
            nz[:, tplace] = torch.randn(
                m[:, tplace].shape, generator=torch.Generator().manual_seed(1)
            )
            nz = normalize(nz, dim=-1)
            X1, X2 = bend(X1), bend(X2)

            def made(l):
                return cones.texts(normalize(M + l * nz, dim=-1))

            lab = torch.tensor([names.index(c) for c in y1 if c in names])
            rows = X1[[c in names for c in y1]]
            losses = [
                torch.nn.functional.cross_entropy(s * rows @ made(1.0).T, lab).item()
                for s in SCALES
            ]
            sc = float(SCALES[int(np.argmin(losses))])
            T_C = made(float(level))
        else:
            T_C = torch.stack([tt[c] for c in names])
        n_way = min(7, len(names))
        # subspaces learned without the kinds of this pair
        kept = [k for k in offs if k not in (s1, s2)]
        sign = -1 if s2 == "photo" and s1 != "photo" else 1
        D = torch.cat([offs[k] / offs[k].mean(0).norm() / len(offs[k]) ** 0.5 for k in kept])
        U, Sv, Vt = torch.linalg.svd(D, full_matrices=False)
        means = torch.stack([normalize(offs[k].mean(0), dim=0) for k in kept])
        Vm = torch.linalg.svd(means, full_matrices=False)[2]
        e = Sv**2 / Sv[0] ** 2

        def hard(V):
            return lambda x: x - (x @ V.T) @ V

        def soft(l):
            c = 1 - (1 + l * e) ** -0.5
            return lambda x: x - ((x @ Vt.T) * c) @ Vt

        maps = {
            "sub means": hard(Vm),
            "sub 20": hard(Vt[:20]),
            "sub 60": hard(Vt[:60]),
            "sub soft10": soft(10.0),
            "sub soft100": soft(100.0),
        }
        for k in SHOTS:
            rng = np.random.default_rng(100 + k)
            sup, qs, ds, cl, qd = [], [], [], [], []
            for t in range(N_TASK):
                c = np.sort(rng.choice(len(names), n_way, replace=False))
                cl.append(c)
                S, Q, QD = [], [], []
                for i in c:
                    r1 = rng.permutation(np.flatnonzero(y1 == names[i]))
                    if len(r1) < k + 2:
                        r1 = np.concatenate([r1, r1])
                    lab1 = r1[:k]
                    rest = r1[k:]
                    r2 = rng.permutation(np.flatnonzero(y2 == names[i]))
                    if paired:
                        r2 = np.array([r for r in r2 if r not in set(lab1)])
                    S.append(X1[lab1])
                    if len(r2) < N_Q:
                        r2 = np.resize(r2, N_Q)
                    Q.append(X2[r2[:N_Q]])
                    QD.append(X1[np.resize(rest, N_Q)])
                sup.append(torch.stack(S))
                qs.append(torch.cat(Q))
                qd.append(torch.cat(QD))
            sup, q, qd = torch.stack(sup), torch.stack(qs), torch.stack(qd)
            text = torch.stack([T_C[c] for c in cl])
            lab = torch.arange(n_way).repeat_interleave(N_Q).expand(N_TASK, -1)
            mk = lambda s, t=text: Support.of_tasks(s, t, logit_scale=sc, blocks=blocks)
            S0 = mk(sup)
            logs, ind = {}, {}

            def ask(name, S, where=q, d=None):
                with torch.no_grad():
                    w = GEN.predict(S)
                    logs[name] = classify(where, w)
                    if d is not None:
                        ind[name] = classify(d, w)
                return w

            ask("default", S0, q, qd)
            r = text.any(1, keepdim=True)
            z = lambda v: sc * normalize(v * r, dim=-1) @ normalize(text, dim=-1).mT
            logs["names"], ind["names"] = z(q), z(qd)
            logs["elsewhere"], logs["plain"] = old_elsewhere(logs["default"], S0, q)
            ind["elsewhere"], ind["plain"] = old_elsewhere(ind["default"], S0, qd)
            with torch.no_grad():
                pooled = __import__("dataclasses").replace(
                    S0, pool_TUD=q, pool_mask_TU=torch.ones(q.shape[:2], dtype=torch.bool)
                )
                logs["pool"] = classify(q, GEN.predict(pooled))
            # oracle and words: the centre of the labelled pictures is replaced
            delta = X2.mean(0) - X1.mean(0)
            centre = sup.mean((1, 2))
            true = (
                torch.stack(
                    [torch.stack([X2[y2 == names[i]].mean(0) for i in c]).mean(0) for c in cl]
                )
                - centre
            )

            def move(name, off_TD, s=1.0):
                off = s * (off_TD if off_TD.ndim == 2 else off_TD.expand(N_TASK, -1))
                ask(name, mk(_moved(sup, off[:, None, None], S0)))

            only = torch.zeros_like(delta)
            only[tplace] = 1
            move("oracle centre", true)
            move("oracle centre, text block", true * only)
            move("oracle centre of other classes", delta)
            dj = delta * only
            L = dj.norm()
            noise = torch.zeros_like(delta)
            noise[tplace] = torch.randn(blocks[0], generator=gen0)
            noise = normalize(noise, dim=0)
            for lv in (1.0, 2.0, 4.0):
                d = normalize(normalize(dj, dim=0) + lv * noise, dim=0) * L
                for s in (0.5, 1.0):
                    move(f"style noise {lv:g} x{s:g}", d, s)
            move("random words", noise * L)
            if tiny is not None:
                nm = [names[i] for i in range(len(names))][:12]
                src = says(s1, nm)
                for what, st in (
                    ("words", s2),
                    ("wrong words", "odd" if s2 != "odd" else "cartoon"),
                ):
                    t = says(st, nm) - src
                    if st == s1:
                        t = says("edges", nm) - src
                    t = t[: blocks[0]] if len(t) >= blocks[0] else t
                    raw = torch.zeros_like(delta)
                    raw[tplace] = normalize(t, dim=0) * L
                    prj = t @ proj
                    prj = normalize(prj, dim=0) * delta.norm()
                    if what == "words":
                        logs["cosines"] = (
                            float(normalize(t, dim=0) @ normalize(dj[tplace], dim=0)),
                            float(normalize(prj, dim=0) @ normalize(delta, dim=0)),
                        )
                    for s in (0.5, 1.0):
                        move(f"{what} joint x{s:g}", raw, s)
                        move(f"{what} projected x{s:g}", prj, s)

            # a menu of offsets; each picture picks the nearest
            def menu(name, kinds):
                offm = [torch.zeros_like(delta)] + [sign * offs[x].mean(0) for x in kinds]
                L_, P_ = [], []
                for i, of in enumerate(offm):
                    with torch.no_grad():
                        w = GEN.predict(mk(_moved(sup, of.expand(N_TASK, -1)[:, None, None], S0)))
                        L_.append((classify(q, w), classify(qd, w)))
                for j, (v, dest) in enumerate(((q, logs), (qd, ind))):
                    dist = torch.stack([((v - centre[:, None] - of) ** 2).sum(-1) for of in offm])
                    pick = dist.argmin(0)
                    dest[name] = torch.stack([l[j] for l in L_]).gather(
                        0, pick[None, ..., None].expand(1, *L_[0][j].shape)
                    )[0]
                    if "mean" not in name:
                        dest[name + ", mean of menu"] = torch.stack(
                            [l[j].log_softmax(-1) for l in L_]
                        ).mean(0)

            if k != 8:
                menu("menu, left out", kept)
                menu("menu, own kind in", list(offs))
            # subspace
            for mname, f in maps.items():
                g = lambda x: unit_blocks_like(f(x), x, blocks)
                tx = f(text)
                tx = normalize(tx * r, dim=-1)
                ask(mname, mk(g(sup), tx), g(q), g(qd))
            nacc = float(
                (z(sup.flatten(1, 2)).argmax(-1) == torch.arange(n_way).repeat_interleave(k))
                .float()
                .mean()
            )
            nacc_T = (
                (z(sup.flatten(1, 2)).argmax(-1) == torch.arange(n_way).repeat_interleave(k))
                .float()
                .mean(-1)
            )
            res = {n: v if n == "cosines" else v.log_softmax(-1) for n, v in logs.items()}
            out.mkdir(exist_ok=True)
            pickle.dump(
                {
                    "pair": pair,
                    "k": k,
                    "level": level,
                    "logs": res,
                    "ind": {n: v.log_softmax(-1) for n, v in ind.items()},
                    "lab": lab,
                    "nacc_T": nacc_T,
                },
                open(out / f"{level}_{pair}_{k}.pkl".replace(">", "-"), "wb"),
            )
            acc = {
                n: round(100 * float((v.argmax(-1) == lab).float().mean()), 1)
                for n, v in res.items()
                if n != "cosines"
            }
            print(
                time.strftime("%H:%M:%S"),
                level,
                pair,
                k,
                f"names on labelled {100 * nacc:.0f}",
                acc,
                res.get("cosines"),
                flush=True,
            )


def acc(l, lab):
    return 100 * float((l.argmax(-1) == lab).float().mean())


def ll(l, lab):
    return float(-l.gather(-1, lab[..., None]).mean())


def mixes(L, n):
    nm, d, pl, el = L["names"], L["default"], L["plain"], L["elsewhere"]
    out = dict(L)
    out.pop("cosines", None)
    out["prob mean names+elsewhere"] = ((nm.exp() + el.exp()) / 2).log()
    for a in (0.5, 1.0, 2.0):
        out[f"default + {a:g} names"] = (d + a * nm).log_softmax(-1)
        out[f"elsewhere + {a:g} names"] = (el + a * nm).log_softmax(-1)
        if "sub 20" in L:
            out[f"sub 20 + {a:g} names"] = (L["sub 20"] + a * nm).log_softmax(-1)
        if "style noise 1 x1" in L:
            out[f"noise 1 x1 + {a:g} names"] = (L["style noise 1 x1"] + a * nm).log_softmax(-1)
    if "sub 20" in L:
        out["sub 20 + plain"] = ((L["sub 20"] + pl) / 2).log_softmax(-1)
        out["sub 60 + plain"] = ((L["sub 60"] + pl) / 2).log_softmax(-1)
    for s in ("style noise 1 x1", "style noise 2 x1", "random words", "oracle centre, text block"):
        if s in L:
            out[s + " + plain"] = ((L[s] + pl) / 2).log_softmax(-1)
    # weight by the names' accuracy on labelled pictures
    N = d.shape[-1]
    g = ((n - 1 / N) / (1 - 1 / N)).clamp(0, 1)[:, None, None]
    out["elsewhere + 2g names"] = (el + 2 * g * nm).log_softmax(-1)
    out["elsewhere + 4g names"] = (el + 4 * g * nm).log_softmax(-1)
    out["names where g>.8 else elsewhere"] = torch.where(g > 0.8, nm, el)
    # surer of the two for each picture
    c = (nm.exp().amax(-1) > el.exp().amax(-1))[..., None]
    out["surer of names, elsewhere"] = torch.where(c, nm, el)
    return out


def table(out):
    R = [pickle.load(open(f, "rb")) for f in sorted(out.glob("*.pkl"))]
    T = defaultdict(lambda: defaultdict(dict))
    LL = defaultdict(lambda: defaultdict(dict))
    IN = defaultdict(lambda: defaultdict(dict))
    for r in R:
        for n, v in mixes(r["logs"], r["nacc_T"]).items():
            T[r["level"]][n][(r["pair"], r["k"])] = acc(v, r["lab"])
            LL[r["level"]][n][(r["pair"], r["k"])] = ll(v, r["lab"])
        for n, v in mixes(r["ind"], r["nacc_T"]).items():
            IN[r["level"]][n][(r["pair"], r["k"])] = acc(v, r["lab"])
    for lev in ("own", "2", "4", "8"):
        t = T[lev]
        cells = list(t["default"])
        pairs = sorted({p for p, _ in cells})
        print(
            "\n==",
            lev,
            len(pairs),
            "pairs; names by pair",
            {p: round(np.mean([t["names"][(p, k)] for k in (1, 4, 8)])) for p in pairs},
        )
        base = t["elsewhere"]
        for n in t:
            row = []
            for k in (1, 4, 8):
                v = [t[n][c] for c in cells if c[1] == k and c in t[n]]
                row.append(f"{np.mean(v):5.1f}" if len(v) else "  -  ")
            has = [c for c in cells if c in t[n]]
            wn = min(t[n][c] - t["names"][c] for c in has)
            we = min(t[n][c] - base[c] for c in has)
            l = [
                np.mean([LL[lev][n][c] for c in has if c[1] == k])
                for k in (1, 4, 8)
                if any(c[1] == k for c in has)
            ]
            i = (
                [
                    np.mean([IN[lev][n][c] for c in has if c[1] == k])
                    for k in (1, 4, 8)
                    if any(c[1] == k for c in has)
                ]
                if n in IN[lev]
                else []
            )
            print(
                f"{n:36}",
                *row,
                f"| worst-names {wn:+5.1f} worst-elsewhere {we:+5.1f} | ll",
                *(f"{x:.2f}" for x in l),
                "| in",
                *(f"{x:.1f}" for x in i),
            )


if len(sys.argv) == 2:
    table(Path(sys.argv[1]))
else:
    main()
