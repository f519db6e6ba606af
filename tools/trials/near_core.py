# ruff: noqa
# mypy: ignore-errors
"""Near strangers by scores of spans and residuals (CORE), blocks, classes, a bank and nouns.

    python -m tools.trials.near_core cache STORES ROLE OUT.pt [TASKS] [@ENCODER]  # ROLE fit, val or test
    python -m tools.trials.near_core none STORES ROLE [TASKS] [@ENCODER]
    python -m tools.trials.near_core table FIT.pt JUDGED.pt…

STORES has the stores of `GROUPS` and `BANK`. Tasks have half the classes of a group, 5 at most, as
known classes, the others as near strangers, and far strangers from other stores of the role. Every
score is also computed for each labelled picture by an adapter predicted without it; its spread
there is the unit of the score. Weights of scores are those of a logistic regression on pairs of a
known and an unknown picture of one task, fitted on FIT for each number of labelled pictures.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize, one_hot

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
SHOTS, QUERIES, MOST = (1, 4, 16), 10, 16
BANK = ("caltech101-train", "tiny-imagenet-train", "trashnet6.large", "pacs-photo.large")
ALL = ""
GROUPS = {
    "fit": {
        "caltech101-train": [
            "beaver,dalmatian,gerenuk,hedgehog,kangaroo,llama,okapi,panda,platypus,rhino",
            "cougar,cougar face,leopard,wild cat,dalmatian,garfield",
            "ant,crayfish,dragonfly,lobster,mayfly,tick",
            "euphonium,gramophone,mandolin,metronome,saxophone,stapler",
            "brontosaurus,stegosaurus,crocodile,crocodile head,rhino,hedgehog",
            "emu,flamingo head,pigeon,rooster",
            "chair,windsor chair,wheelchair,lamp",
        ],
        "tiny-imagenet-train": [
            "Yorkshire terrier,Labrador retriever,standard poodle,guinea pig,lesser panda,cougar",
            "black widow,ladybug,grasshopper,mantis,American lobster,slug",
            "European fire salamander,American alligator,dugong,slug,brain coral,American lobster",
            "beach wagon,freight car,go-kart,moving van,tractor,cannon",
            "apron,bikini,fur coat,military uniform,poncho,swimming trunks,sock,sandal,neck brace",
            "barn,cliff dwelling,dam,thatch,viaduct,water tower,bannister",
            "cash machine,iPod,pay-phone,refrigerator,turnstile,scoreboard",
        ],
        "trashnet6.large": [ALL],
        "pacs-photo.large": [ALL],
    },
    "val": {
        "tiny-imagenet-val": [
            "goose,koala,king penguin,Persian cat,brown bear,bison,baboon",
            "scorpion,bee,monarch,sulphur butterfly",
            "plate,pretzel,cauliflower,banana,acorn",
            "plunger,pop bottle,syringe,teapot,snorkel",
            ALL,
        ],
        "caltech101-val": [
            "crab,dolphin,scorpion,sea turtle,starfish,trilobite,butterfly",
            "elephant,flamingo,ibis,dolphin,sea turtle,butterfly",
            "bonsai,joshua tree,lotus,sunflower",
            "accordion,electric guitar,grand piano,chandelier,menorah,ewer",
            ALL,
        ],
        "cif": ["bird,cat,deer,dog,frog,horse", "airplane,automobile,ship,truck", ALL],
        "clothing10.large": ["dress,longsleeve,outwear,shirt,t-shirt", ALL],
    },
    "test": {
        "test-flowers17": [ALL],
        "test-grocery": [
            "granny smith apple,avocado,kiwi,lemon,lime,mango,orange,peach,pomegranate,tomato",
            "apple juice carton,milk carton,natural yoghurt carton,oat milk carton",
            ALL,
        ],
        "test-dtd10": [ALL],
    },
}
# All classes of these sets look alike; in other sets they do not.
ALIKE = {"trashnet6.large", "clothing10.large", "test-flowers17", "test-dtd10"}
GENERATOR = None


class Data:
    def __init__(self, folder, name, suffix=""):
        from metaadapter.features.encoded_pictures import read_store
        from metaadapter.features.store.feature_store import FeatureStore

        opened = FeatureStore.open(Path(folder) / (name + suffix))
        encoded = read_store(opened)
        labels = np.array(encoded.labels)
        self.labels, self.y = np.unique(labels, return_inverse=True)
        self.names = [n.partition(" ")[2] if n[0] == "n" and n[1:9].isdigit() else n for n in self.labels]
        self.X = normalize(torch.from_numpy(np.asarray(encoded.features, dtype=np.float32)), dim=-1)
        texts = opened.class_texts()
        self.T = torch.stack([torch.from_numpy(np.array(texts[n], dtype=np.float32)) for n in self.labels])
        self.scale, self.blocks, self.by = opened.logit_scale, opened.blocks, [np.flatnonzero(self.y == c) for c in range(len(self.labels))]

    def group(self, wanted):
        if wanted == ALL:
            return list(range(len(self.names)))
        return [c for c, n in enumerate(self.names) if n in wanted.split(",")]


class Bank:
    """Class means, and the between and within spread, of pictures of other sets."""

    def __init__(self, sets, d=128):
        means, within = [], []
        for data in sets:
            for rows in data.by:
                means.append(data.X[rows].mean(0))
                within.append(data.X[rows] - means[-1])
        means = torch.stack(means)
        self.centre = means.mean(0)
        self.means = normalize(means - self.centre, dim=-1)
        E = torch.cat(within)
        n = len(E) - len(means)
        _, S, V = torch.svd_lowrank(torch.cat([E / n**0.5, (means - self.centre) / len(means) ** 0.5]), q=d, niter=4)
        Wc = (E @ V).T @ (E @ V) / n
        Wc = 0.9 * Wc + 0.1 * Wc.diagonal().mean() * torch.eye(d)
        L = torch.linalg.cholesky(torch.linalg.inv(Wc))
        Z = (means - self.centre) @ V @ L
        B = Z.T @ Z / len(Z) - torch.eye(d) * (len(means) / len(E))
        psi, U = torch.linalg.eigh(B)
        keep = psi > 0.05
        self.A, self.psi = V @ L @ U[:, keep], psi[keep]


def unit(x):
    return normalize(x, dim=-1)


def evidence(x, S, mask, own, weights, text, blocks, scale, bank, nouns, span):
    """Scores (T, Q) of x (T, Q, D) by tasks with pictures S (T, M, D) where mask (T, M) is true.

    `span` (D, r) is an orthonormal basis of all rows of the task and of the bank's means.
    """
    from metaadapter.adapter.known import known_logits, likeness_and_doubt
    from metaadapter.adapter.support import Support
    from metaadapter.adapter.weights import classify
    from metaadapter.bench.peers.unknown_scores import AnsweredQueries, msp, neg_label

    T, M, D = S.shape
    N = int(own.max()) + 1
    G = one_hot(own, N).T.float() * mask[:, None].float()  # T N M
    counts = G.sum(-1)
    means = G @ S / counts[..., None]
    z = classify(x, weights)
    p = z.softmax(-1)
    like, doubt = likeness_and_doubt(x, z, weights.likeness, weights.likeness_bias)
    out = {
        "default": known_logits(x, weights, z),
        "like": like,
        "doubt": -doubt,
        "energy": z.logsumexp(-1),
        "energy-mean": z.logsumexp(-1) - z.mean(-1),
    }
    descending = z.sort(-1, descending=True).values
    out["msp"] = descending[..., 0] - descending[..., 1:].logsumexp(-1)
    best = z.argmax(-1)
    # Classes apart: the cosine with the predicted class, in units of that class's left-out cosines.
    cos = x @ unit(means).mT
    own_cos = cos.gather(-1, best[..., None])[..., 0]
    several = bool((counts > 1).all())
    if several:
        sums = G @ S
        left = unit(sums[:, own] - S)
        loo = (left * S).sum(-1)  # T M
        mean_c = (G * loo[:, None]).sum(-1) / counts
        dev = (loo - mean_c[:, own]) * mask
        pooled = (dev.square().sum(-1) / (mask.sum(-1) - N).clamp(min=1)).sqrt()[:, None]
        out["class z"] = (own_cos - mean_c.gather(1, best)) / pooled
        out["class ratio"] = -(1 - own_cos) / (1 - mean_c.gather(1, best))
    # Blocks apart.
    log_ps = []
    for b, (one, means_b, rows_b) in enumerate(zip(x.split(blocks, -1), means.split(blocks, -1), S.split(blocks, -1))):
        cos_b = unit(one) @ unit(means_b).mT
        out[f"like block {b}"] = (p * cos_b).sum(-1)
        log_ps.append((30 * cos_b).log_softmax(-1))
    if len(blocks) > 1:
        mixed = torch.stack([q.exp() for q in log_ps]).mean(0)
        out["blocks agree"] = (mixed * mixed.clamp(min=1e-9).log()).sum(-1) - torch.stack([(q.exp() * q).sum(-1) for q in log_ps]).mean(0)
    if len(blocks) == 4:
        a, _, c, _ = x.split(blocks, -1)
        out["looks agree"] = (unit(a) * unit(c)).sum(-1)
    if nouns is not None:
        task = Support.of_tasks(S[:, :1, None].expand(-1, N, -1, -1), text.expand(T, -1, -1), logit_scale=scale, blocks=blocks)
        q = AnsweredQueries(x, z, task, nouns)
        out["neglabel"] = neg_label(q).float().logit(eps=1e-6)
        names = scale * (x @ text.mT)
        near = nouns @ text[0].T
        words = scale * (x @ nouns[near.amax(-1) < 0.95].T)
        out["nouns"] = names.logsumexp(-1) - words.logsumexp(-1)
        out["names"] = names.amax(-1)
    # Spans and residuals.
    x, S, text, means, classes = (r @ span for r in (x, S, text, means, weights.classes))
    D = span.shape[1]
    centre = means.mean(1, keepdim=True)
    Xc, Sc, Mc = x - centre, S - centre, means - centre
    E = (S - means[:, own]) * mask[..., None]
    Wc = (classes - classes.mean(1, keepdim=True))[:, :-1]
    Tc = (text - text.mean(1, keepdim=True))[:, :-1]
    R = torch.randn(N - 1, D, generator=torch.Generator().manual_seed(7)).expand(T, -1, -1)
    spans = {"W": Wc, "M": Mc[:, :-1], "MT": torch.cat([Mc[:, :-1], Tc], 1), "random": R, "none": None}
    free = (mask.sum(-1) - N).clamp(min=1)[:, None, None]
    for name, rows in spans.items():
        P, Ps, Pe, Pm = Xc, Sc, E, Mc
        if rows is not None:
            B = torch.linalg.qr(rows.mT)[0]
            P, Ps, Pe, Pm = (r - r @ B @ B.mT for r in (P, Ps, Pe, Pm))
            out[f"{name} inside"] = -torch.cdist(Xc @ B, Mc @ B).amin(-1)
            out[f"{name} length inside"] = (Xc @ B).norm(dim=-1) / Xc.norm(dim=-1)
        out[f"{name} residual"] = -P.square().sum(-1)
        near = (unit(P) @ unit(Ps).mT).masked_fill(~mask[:, None], -torch.inf)
        out[f"{name} nearest"] = near.topk(min(3, int(counts.min())), dim=-1).values.mean(-1)
        if name != "M":
            out[f"{name} direction"] = (p * (unit(P) @ unit(Pm).mT)).sum(-1)
        if several:
            # The Mahalanobis distance to the origin of the residuals, within-class scatter + λ.
            gram = Pe @ Pe.mT
            lam = gram.diagonal(dim1=1, dim2=2).sum(-1)[:, None, None] / 30
            K = gram + (lam + 1e-9) * torch.eye(M)
            target = P if rows is not None else x - means.gather(1, best[..., None].expand(-1, -1, D))
            a = target @ Pe.mT
            out[f"{name} Mahalanobis"] = -(target.square().sum(-1) - (a * torch.linalg.solve(K, a.mT).mT).sum(-1)) / (lam[..., 0] / free[..., 0])
    # A bank of other classes.
    if bank is not None:
        centre, bank_means = bank.centre @ span, bank.means @ span
        xb, sb, mb = unit(x - centre), unit(S - centre), unit(means - centre)
        to_own, to_bank = xb @ mb.mT, xb @ bank_means.T
        out["bank margin"] = to_own.amax(-1) - to_bank.amax(-1)
        out["bank centred"] = (p * to_own).sum(-1)
        for s in (5, 15):
            out[f"bank softmax {s}"] = (s * to_own).logsumexp(-1) - (s * to_bank).logsumexp(-1)
        L = len(bank.means)
        rows = torch.cat([sb, bank_means.expand(T, -1, -1)], 1)
        w = torch.cat([mask / mask.sum(-1, keepdim=True), torch.full((T, L), 1 / L)], 1).clamp(min=1e-6)
        y = torch.cat([torch.ones(T, M), -torch.ones(T, L)], 1)
        K, kx = rows @ rows.mT + 1, xb @ rows.mT + 1
        for lam in (0.01, 0.1):
            alpha = torch.linalg.solve(K + torch.diag_embed(lam / w), y[..., None])
            # A row that is left out has no weight.
            out[f"bank ridge {lam}"] = (kx @ alpha)[..., 0]
        A = span.T @ bank.A
        zx, zs = (x - centre) @ A, (S - centre) @ A
        zm, psi = G @ zs / counts[..., None], bank.psi
        shrunk = psi * counts[..., None] / (psi * counts[..., None] + 1)
        var = psi / (psi * counts[..., None] + 1) + 1  # T N d
        gap = (zx[:, :, None] - (shrunk * zm)[:, None]).square() / var[:, None]
        fit = -0.5 * (gap.sum(-1) + var.log().sum(-1)[:, None])
        new = -0.5 * (zx.square() / (psi + 1)).sum(-1) - 0.5 * (psi + 1).log().sum()
        ratio = fit - new[..., None]
        out["plda"], out["plda soft"] = ratio.amax(-1), (0.1 * ratio).logsumexp(-1)
        out["plda cosine"] = (p * (unit(zx) @ unit(zm).mT)).sum(-1)
    return out


def one_task(data, known, strangers, far, shots, rng, bank, nouns):
    from dataclasses import replace
    from metaadapter.adapter.support import Support

    rows = [rng.permutation(data.by[c]) for c in known]
    keep = min(MOST, min(map(len, rows)) - QUERIES)
    S = data.X[np.concatenate([r[:shots] for r in rows])]
    own = torch.arange(len(known)).repeat_interleave(shots)
    x = data.X[np.concatenate([r[keep : keep + QUERIES] for r in rows])]
    near = data.X[np.concatenate([rng.permutation(data.by[c])[:QUERIES] for c in strangers])]
    far = torch.cat([o.X[rng.permutation(len(o.X))[: max(5, 50 // len(far))]] for o in far])
    text = data.T[known]
    task = Support.of_rows(S, own, text, logit_scale=data.scale, blocks=data.blocks)
    weights = GENERATOR.predict(task)
    rows = torch.cat([S, x, near, far, text, weights.classes[0], bank.means, bank.centre[None]])
    span = torch.linalg.qr(rows.T)[0]
    common = (text[None], data.blocks or (S.shape[1],), data.scale, bank, nouns, span)
    M = len(S)
    full = torch.ones(1, M, dtype=torch.bool)
    out = evidence(torch.cat([x, near, far])[None], S[None], full, own, weights, *common)
    result = {n: v[0] for n, v in out.items()}
    spread = {n: torch.tensor([0.0, 1.0]) for n in result}
    if shots > 1:
        mask = ~torch.eye(M, dtype=torch.bool)
        parts = []
        for part in torch.from_numpy(rng.permutation(M)[:25]).split(25):
            many = task.repeated(len(part)) if hasattr(task, "repeated") else task
            many = replace(many, order=None) if many.order is not None else many
            many = many.kept(mask[part].reshape(len(part), len(known), shots))
            parts.append(evidence(S[part][:, None], S.expand(len(part), -1, -1), mask[part], own, GENERATOR.predict(many), text.expand(len(part), -1, -1), *common[1:]))
        for n in result:
            values = torch.cat([q[n][:, 0] for q in parts])
            spread[n] = torch.stack([values.mean(), values.std().clamp(min=1e-6)])
    kind = torch.cat([torch.zeros(len(x)), torch.ones(len(near)), 2 * torch.ones(len(far))])
    return {"kind": kind, "x": result, "spread": spread}


@torch.no_grad()
def cache(folder, role, out, tasks=12, suffix=""):
    global GENERATOR
    from metaadapter.generator.pretrained import shared_generator

    GENERATOR, _ = shared_generator("default")
    sets = {n: Data(folder, n, suffix) for n in GROUPS[role] if (Path(folder) / (n + suffix)).exists()}
    trained = {n: sets[n] if n in sets else Data(folder, n, suffix) for n in BANK if (Path(folder) / (n + suffix)).exists()}
    nouns = None
    if not suffix:
        from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
        from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

        words = FrozenEncoder.load("tiny", device="cpu").encode_texts(list(dict.fromkeys(IMAGENET_CLASSNAMES)))
        nouns = torch.from_numpy(np.asarray(words, dtype=np.float32))
        width = next(iter(sets.values())).X.shape[1]
        if nouns.shape[1] != width:
            raise SystemExit(f"texts have {nouns.shape[1]} numbers, pictures {width}")
    cells = []
    for name, data in sets.items():
        others = [o for n, o in sets.items() if n != name]
        banked = [o for n, o in trained.items() if n != name]
        bank = Bank(banked) if banked else None
        for wanted in GROUPS[role][name]:
            classes = data.group(wanted)
            if wanted and len(classes) < len(wanted.split(",")):
                raise SystemExit(f"{name}: {wanted} gives {[data.names[c] for c in classes]}")
            alike = bool(wanted) or name in ALIKE
            for shots in SHOTS:
                rng = np.random.default_rng(11)
                for _ in range(int(tasks)):
                    able = [c for c in rng.permutation(classes) if len(data.by[c]) >= MOST + QUERIES]
                    half = min(5, len(able) // 2)
                    cell = one_task(data, able[:half], able[half : 2 * half + len(able) % 2 if len(able) < 10 else 10], others, shots, rng, bank, nouns)
                    cells.append({"set": name, "group": wanted[:12] or "all", "alike": alike, "shots": shots} | cell)
            print(name, wanted, len(cells), flush=True)
    torch.save(cells, out)


@torch.no_grad()
def none(folder, role, tasks=6, suffix=""):
    """The bank's means as pictures of "none of these": all, or the 16 nearest to the classes."""
    global GENERATOR
    from metaadapter.adapter.known import known_logits
    from metaadapter.adapter.support import Support
    from metaadapter.adapter.weights import classify
    from metaadapter.generator.pretrained import shared_generator

    GENERATOR, _ = shared_generator("default")
    sets = {n: Data(folder, n, suffix) for n in GROUPS[role] if (Path(folder) / (n + suffix)).exists()}
    bank = unit(torch.cat([torch.stack([d.X[r].mean(0) for r in d.by]) for d in (Data(folder, n, suffix) for n in BANK)]))
    table = {}
    for name, data in sets.items():
        for wanted in GROUPS[role][name]:
            if not (wanted or name in ALIKE):
                continue
            for shots in SHOTS:
                rng = np.random.default_rng(11)
                for _ in range(int(tasks)):
                    able = [c for c in rng.permutation(data.group(wanted)) if len(data.by[c]) >= MOST + QUERIES]
                    half = min(5, len(able) // 2)
                    known, strangers = able[:half], able[half : half + 5]
                    rows = [rng.permutation(data.by[c]) for c in known]
                    keep = min(MOST, min(map(len, rows)) - QUERIES)
                    S = data.X[np.concatenate([r[:shots] for r in rows])]
                    own = torch.arange(half).repeat_interleave(shots)
                    x = data.X[np.concatenate([r[keep : keep + QUERIES] for r in rows])]
                    near = data.X[np.concatenate([rng.permutation(data.by[c])[:QUERIES] for c in strangers])]
                    others = [o for n, o in sets.items() if n != name]
                    far = torch.cat([o.X[rng.permutation(len(o.X))[:17]] for o in others])
                    parts = torch.cat([x, near, far])[None]
                    ends = len(x), len(x) + len(near)
                    nearest = bank[(bank @ S.T).amax(-1).topk(16).indices]
                    for label, added in (("default", bank[:0]), ("none: bank", bank), ("none: 16 nearest of the bank", nearest)):
                        text = data.T[known]
                        if len(added):
                            text = torch.cat([text, torch.zeros(1, S.shape[1])])
                        task = Support.of_rows(torch.cat([S, added]), torch.cat([own, torch.full((len(added),), half)]), text, logit_scale=data.scale, blocks=data.blocks)
                        weights = GENERATOR.predict(task)
                        score, logits = known_logits(parts, weights)[0], classify(parts, weights)[0]
                        first = first if len(added) else score
                        scores = {label: score}
                        if len(added):
                            against = logits[:, :half].logsumexp(-1) - logits[:, half]
                            scores = {f"{label}, default + {w} (1 − p)": first + w * against for w in (0.25, 0.5, 1)} | {label + ", known × (1 − p)": score.sigmoid().log() + torch.nn.functional.logsigmoid(against), label + ", 1 − p": against}
                        for n, v in scores.items():
                            table.setdefault((n, shots), {}).setdefault((name, wanted), []).append((auc(v[: ends[0]], v[ends[0] : ends[1]]), auc(v[: ends[0]], v[ends[1] :])))
    for n in dict.fromkeys(n for n, _ in table):
        parts = []
        for shots in SHOTS:
            one, base = ({g: np.mean(v, 0) for g, v in table[m, shots].items()} for m in (n, "default"))
            change = np.array([one[g] - base[g] for g in one])
            parts.append("{:5.1f}/{:4.1f}".format(*np.mean(list(one.values()), 0)) + " {:+5.1f}±{:3.1f}".format(change[:, 0].mean(), change[:, 0].std(ddof=1) / len(one) ** 0.5))
        print(f"{n:52}", " | ".join(parts))


BASE = ["like", "doubt"]
SPANS = ("W", "M", "MT", "random", "none")
PARTS = ("residual", "nearest", "direction", "Mahalanobis")
SINGLE = [
    "default", "msp", "energy", "energy-mean",
    *(f"{s} {p}" for s in SPANS for p in PARTS if (s, p) != ("M", "direction")),
    "W inside", "M inside", "MT inside", "W length inside", "M length inside", "MT length inside",
    *(f"like block {b}" for b in range(4)), "blocks agree", "class z", "class ratio",
    "bank centred", "bank margin", "bank softmax 5", "bank softmax 15", "bank ridge 0.01", "bank ridge 0.1",
    "plda", "plda soft", "plda cosine", "neglabel", "nouns", "names",
]
BANKED = [n for n in SINGLE if n.startswith(("bank", "plda"))]
# Names of fitted sums: their scores.
SUMS = {
    "fitted: like, doubt": BASE,
    "+ energy": [*BASE, "energy"],
    "CORE, fitted: energy, W direction": ["energy", "W direction"],
    **{f"+ residual of {s}": [*BASE, "energy", *(f"{s} {p}" for p in PARTS if (s, p) != ("M", "direction"))] for s in SPANS},
    "+ inside W, M, MT": [*BASE, "energy", *(f"{s}{l} inside" for s in ("W", "M", "MT") for l in ("", " length"))],
    "+ blocks": [*BASE, *(f"like block {b}" for b in range(4)), "blocks agree"],
    "+ class z, class ratio": [*BASE, "class z", "class ratio"],
    "+ bank centred": [*BASE, "bank centred"],
    "+ bank softmax": [*BASE, "bank softmax 5", "bank softmax 15"],
    "+ bank ridge": [*BASE, "bank ridge 0.01", "bank ridge 0.1"],
    "+ plda": [*BASE, "plda", "plda soft", "plda cosine"],
    "+ all of the bank": [*BASE, *BANKED],
    "+ nouns": [*BASE, "neglabel", "nouns", "names"],
    "+ all without bank and nouns": [n for n in ["like", "doubt", *SINGLE] if n != "default" and n not in BANKED and n not in ("neglabel", "nouns", "names")],
    "+ all": [n for n in ["like", "doubt", *SINGLE] if n != "default"],
}


def auc(known, other):
    return 100 * float(((known[:, None] > other).float() + 0.5 * (known[:, None] == other).float()).mean())


def matrix(cell, names, unit_1):
    units = [cell["spread"][n][1] if cell["shots"] > 1 else unit_1[n] for n in names]
    return torch.stack([cell["x"][n] for n in names], 1) / torch.stack(units)


def units_at_one(cells):
    ones = [c for c in cells if c["shots"] == 1]
    return {n: torch.stack([c["x"][n][c["kind"] == 0].std() for c in ones]).mean().clamp(min=1e-6) for n in ones[0]["x"]}


def fitted(cells, names, unit_1, kinds=(1, 2), l2=1e-3):
    """Weights of a logistic regression on 100 pairs of each kind of stranger in each task."""
    rng, pairs = torch.Generator().manual_seed(3), []
    for cell in cells:
        X, kind = matrix(cell, names, unit_1), cell["kind"]
        for k in kinds:
            known, other = (torch.nonzero(kind == v)[:, 0] for v in (0, k))
            pick = [r[torch.randint(len(r), (100,), generator=rng)] for r in (known, other)]
            pairs.append(X[pick[0]] - X[pick[1]])
    D = torch.cat(pairs)
    size = D.square().mean(0).sqrt().clamp(min=1e-6)
    D = (D / size).clamp(-8, 8)
    w = torch.zeros(len(names), requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.softplus(-D @ w).mean() + l2 * w.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return w.detach() / size


def by_network(cells, names, unit_1, steps=300, width=32):
    """A function of scores: their weighted sum plus a small network of them, fitted like the sum."""
    torch.manual_seed(5)
    w = fitted(cells, names, unit_1)
    known, other = [], []
    for cell in cells:
        X, kind = matrix(cell, names, unit_1), cell["kind"]
        X = X - X[kind == 0].mean(0) if cell["shots"] == 1 else X - torch.stack([cell["spread"][n][0] / cell["spread"][n][1] for n in names])
        for k in (1, 2):
            a, b = (torch.nonzero(kind == v)[:, 0] for v in (0, k))
            known.append(X[a[torch.randint(len(a), (100,))]])
            other.append(X[b[torch.randint(len(b), (100,))]])
    known, other = torch.cat(known).clamp(-8, 8), torch.cat(other).clamp(-8, 8)
    net = torch.nn.Sequential(torch.nn.Linear(len(names), width), torch.nn.SiLU(), torch.nn.Linear(width, 1))
    torch.nn.init.zeros_(net[2].weight)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    score = lambda X: X @ w + net(X)[:, 0]
    for _ in range(steps):
        pick = torch.randint(len(known), (2048,))
        loss = torch.nn.functional.softplus(score(other[pick]) - score(known[pick])).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def of(cell):
        X = matrix(cell, names, unit_1)
        if cell["shots"] > 1:
            X = X - torch.stack([cell["spread"][n][0] / cell["spread"][n][1] for n in names])
        else:
            X = X - X[cell["kind"] == 0].mean(0)  # the mean of known pictures is given away
        with torch.no_grad():
            return score(X.clamp(-8, 8))

    return of


def table(fit, *judged):
    fit = torch.load(fit, weights_only=False)
    unit_1 = units_at_one(fit)
    for path in judged:
        cells = torch.load(path, weights_only=False)
        results = {}

        def note(name, shots, score_of):
            groups = {}
            for c in cells:
                if c["shots"] != shots:
                    continue
                v, k = score_of(c), c["kind"]
                at = (c["alike"], c["set"], c["group"])
                groups.setdefault(at, []).append((auc(v[k == 0], v[k == 1]), auc(v[k == 0], v[k == 2])))
            results[name, shots] = {g: np.mean(v, 0) for g, v in groups.items()}

        for shots in SHOTS:
            here = [c for c in cells if c["shots"] == shots]
            train = [c for c in fit if c["shots"] == shots]
            only = set.intersection(*(set(c["x"]) for c in (*here, *train)))
            for name in SINGLE:
                if name in only:
                    note(name, shots, lambda c: c["x"][name])
            if "W direction" in only:
                note("CORE: energy + W direction", shots, lambda c: matrix(c, ["energy", "W direction"], unit_1).sum(-1))
            for name, names in SUMS.items():
                names = [n for n in names if n in only]
                for label, source, kinds in ((name, train, (1, 2)), (name + ", fitted here", [c for c in here if c["alike"]], (1,))):
                    if label.endswith("here") and not name.startswith(("fitted", "+ all", "+ residual of W", "+ blocks", "+ plda", "+ nouns")):
                        continue
                    w = fitted(source, names, unit_1, kinds)
                    note(label, shots, lambda c: matrix(c, names, unit_1) @ w)
            for label, left in (("+ all, by a network", ()), ("+ all without bank and nouns, by a network", BANKED + ["neglabel", "nouns", "names"])):
                names = [n for n in SUMS["+ all"] if n in only and n not in left]
                note(label, shots, by_network(train, names, unit_1))
        print(path, len(cells), "tasks; near/far AUROC of alike groups; change of near from default ± standard error over groups; near of whole sets")
        for name in dict.fromkeys(n for n, _ in results):
            parts = []
            for shots in SHOTS:
                one, base = results.get((name, shots)), results["default", shots]
                if one is None:
                    parts.append(f"{'':38}")
                    continue
                alike = [g for g in one if g[0]]
                near, far = np.mean([one[g] for g in alike], 0)
                change = np.array([one[g][0] - base[g][0] for g in alike])
                error = change.std(ddof=1) / len(change) ** 0.5 if len(change) > 1 else 0
                whole = np.mean([one[g][0] for g in one if g[2] == "all"]) if any(g[2] == "all" for g in one) else 0
                parts.append(f"{near:5.1f}/{far:4.1f} {change.mean():+5.1f}±{error:3.1f} whole {whole:4.1f}")
            print(f"{name:42} " + " | ".join(parts), flush=True)


if __name__ == "__main__":
    torch.set_grad_enabled(True)
    if sys.argv[1] == "cache":
        cache(*sys.argv[2:])
    elif sys.argv[1] == "none":
        none(*sys.argv[2:])
    else:
        table(*sys.argv[2:])
