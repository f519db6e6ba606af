# ruff: noqa
# mypy: ignore-errors
"""Predictives at one picture a class: temperatures, mixtures over them and Student's t.

    python -m tools.trials.one_picture tasks STORE OUT.pkl N SHOTS LEVEL …  # N tasks at each level of names
    python -m tools.trials.one_picture fit KIND OUT.pkl …                   # KIND: set or encoder, left out
    python -m tools.trials.one_picture shots OUT.pkl …                      # as shipped, by cell

A store is SET or SET@ENCODER, LEVEL is own, cone:1, cone:4 or noise. A task has 2 to 20 classes,
log-uniform. Constants minimise the mean log loss over cells (encoder × set × level); nsfw and lite2
are never fitted on. The fit `careful` also pays 10 times for each cell that gets worse.
"""

import math
import pickle
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
JUDGES = ("nsfw", "lite2")
KIN = {"caltech101-train": "caltech", "caltech101-val": "caltech", "tiny-imagenet-train": "small"}
KIN |= {"tiny-imagenet-val": "small", "cifar10": "small"}
KIN |= {"pacs-photo.large": "pacs", "pacs-cartoon.large": "pacs", "raw": "pooled"}
KIN |= {"root": "pooled", "narrow": "pooled", "flat": "lite1", "steep": "lite1", "stages": "tiny"}
QUERIES, WAYS, NO = 16, 20, -1e4


def draw(data, rng, n_shot, generator):
    from metaadapter.adapter.support import Support
    from metaadapter.adapter.weights import classify
    from metaadapter.generator.block_weights import weighed
    from metaadapter.generator.relations import relate
    from metaadapter.generator.ridge.leave_one_out import leave_one_out
    from metaadapter.generator.ridge.regression import regression

    y = data.labels_n
    able = np.flatnonzero(np.bincount(y[y >= 0], minlength=len(data.classes)) >= n_shot + 4)
    n_way = int(min(len(able), round(np.exp(rng.uniform(np.log(2), np.log(20.5))))))
    classes = np.sort(rng.choice(able, n_way, replace=False))
    shots, queries = [], []
    for c in classes:
        order = rng.permutation(np.flatnonzero(y == c))
        shots.append(order[:n_shot])
        queries.append(order[n_shot : n_shot + 15])
    labels = np.concatenate([np.full(len(part), i) for i, part in enumerate(queries)])
    rows, asked = (data.look_up(torch.from_numpy(np.concatenate(p))) for p in (shots, queries))
    numbers = torch.arange(n_way).repeat_interleave(n_shot)
    text = data.text_CD[classes]
    support = Support.of_rows(rows, numbers, text, logit_scale=data.logit_scale, blocks=data.blocks)
    with torch.no_grad():
        weights, problem, made = generator._without_pool(support, with_known=False)
        plain, used, evidence = weighed(support), problem.support, problem.evidence
        left = leave_one_out(regression(plain, generator.config.closed_form), with_known=False)
        z = used.scale_TD * (asked - used.image_centre_TD)
        pictures = used.shots_TNKD.flatten(1, 2)[0]
        noise = problem.noise_TX(made.log_noise_TNK)[0]
        k = z @ pictures.T
        solved = torch.linalg.solve(pictures @ pictures.T + torch.diag(noise.to(k)), k.T).T
        return dict(
            shots=n_shot,
            n=n_way,
            y=labels.astype("i2"),
            L=classify(asked[None], weights)[0].numpy().astype("f4"),
            km=(z @ used.means_TND[0].T).numpy().astype("f2"),
            mm=used.means_TND[0].square().sum(-1).numpy(),
            zz=z.square().sum(-1).numpy(),  # length² of a query; of labelled pictures 1 in the mean
            v=(z.square().sum(-1) - (k * solved).sum(-1)).numpy(),  # variance of the ridge
            scal=relate(plain, left).classes_TNC[0].numpy(),
            kappa=float(weights.logit_scale),
            dn=float(torch.as_tensor(made.log_noise_TNK).mean()),
            fit=float(evidence.fit_T),
            slope=float(evidence.slope_T),
            blen=plain.block_length_TP[0].numpy(),
            bsp=plain.block_spread_TP[0].numpy(),
            icos=float((rows @ rows.T).mean()),
        )


def tasks(store, out, n, n_shot, *levels):
    from metaadapter.bench.evaluation.sets.made_names import with_names
    from metaadapter.bench.evaluation.sets.store_sets import set_of_store
    from metaadapter.generator.pretrained import shared_generator

    generator, _ = shared_generator("default")
    result = {}
    for data in with_names(set_of_store(Path(store)), levels):
        rng = np.random.default_rng(zlib.crc32(Path(store).name.encode()))
        result[data.names] = [draw(data, rng, int(n_shot), generator) for _ in range(int(n))]
    pickle.dump(result, open(out, "wb"))


def read(paths, n_shot=1, most=40):
    cells = []
    for path in paths:
        name, _, encoder = Path(path).stem.partition("@")
        for level, drawn in pickle.load(open(path, "rb")).items():
            drawn = [t for t in drawn if t["shots"] == n_shot][:most]
            if drawn:
                cells.append((encoder or "tiny", name, level, drawn))
    return cells


def statistics(t):
    s = t["scal"].mean(0)
    spread = (t["bsp"] ** 2).sum() / (t["blen"] ** 2).sum()
    few = [math.log(t["n"]), t["fit"]]
    return [
        *few,
        math.log(t["slope"]),
        t["icos"],
        spread,
        t["dn"],
        s[2],
        s[27],
        math.log(t["kappa"]),
    ]


def tensors(cells):
    rng, drawn = np.random.default_rng(0), [(i, t) for i, c in enumerate(cells) for t in c[3]]
    d = {name: np.zeros((len(drawn), QUERIES), "f4") for name in ("W", "zz", "v", "near")}
    d["L"], d["Y"] = np.full((len(drawn), QUERIES, WAYS), NO, "f4"), d["W"].astype("i8")
    for j, (_, t) in enumerate(drawn):
        q = rng.permutation(len(t["y"]))[:QUERIES]
        m = len(q)
        d["L"][j, :m, : t["n"]], d["Y"][j, :m], d["W"][j, :m] = t["L"][q], t["y"][q], 1 / m
        d["zz"][j, :m], d["v"][j, :m] = t["zz"][q], t["v"][q]
        d["near"][j, :m] = (t["km"][q].astype("f4") - 0.5 * t["mm"]).max(-1)
    d["X"] = np.nan_to_num(np.array([statistics(t) for _, t in drawn], "f4"))
    d["N"] = np.array([t["n"] for _, t in drawn], "f4")
    d["cell"] = np.array([i for i, _ in drawn])
    return {name: torch.from_numpy(values) for name, values in d.items()}


class Model:
    """`form` of logits times κ, with ln κ linear in the first statistics and the form's constants."""

    def __init__(self, d, n_statistics, form):
        self.n, self.form = n_statistics, form
        x = d["X"][:, : self.n]
        self.mean, self.deviation = x.mean(0), x.std(0).clamp(min=1e-3)
        self.size = 1 + self.n + {"plain": 0, "query": 8, "zero": 1}.get(form, 3)

    def __call__(self, c, d):
        x = ((d["X"][:, : self.n] - self.mean) / self.deviation).clamp(-3, 3)
        log_k, rest = c[0] + x @ c[1 : 1 + self.n], c[1 + self.n :]
        logits, real = d["L"], d["L"] > NO / 2
        if self.form == "query":
            seen = [
                d["v"].clamp(min=0.05).log(),
                d["zz"].clamp(min=0.05).log(),
                d["near"].clamp(-3, 3),
            ]
            seen = torch.stack([*seen, torch.ones_like(seen[0])], -1)
            slopes = rest[:4] + rest[4:] * (d["N"].log()[:, None] - 2)
            log_kq = (log_k[:, None] + (seen * slopes[:, None]).sum(-1)).clamp(-3, 2)
            return (logits * log_kq.exp()[..., None]).log_softmax(-1)
        if self.form == "plain":
            return (logits * log_k.exp()[:, None, None]).log_softmax(-1)
        # The width, degrees of freedom or weight follow ln ways and the fit of the names.
        width = (rest[0] + x[:, :2] @ rest[1:])[:, None, None]
        if self.form == "mixture":
            points, weights = np.polynomial.hermite_e.hermegauss(5)
            spread = torch.nn.functional.softplus(width)
            parts = [
                (logits * (log_k[:, None, None] + spread * p).exp()).log_softmax(-1) + math.log(w)
                for p, w in zip(points.tolist(), (weights / weights.sum()).tolist())
            ]
            return torch.logsumexp(torch.stack(parts), 0)
        if self.form == "student":
            below = (logits.amax(-1, keepdim=True) - logits) * log_k.exp()[:, None, None]
            freedom = (width + 2).clamp(-2, 6).exp()
            return torch.where(real, -freedom * torch.log1p(below / freedom), NO).log_softmax(-1)
        part = torch.sigmoid(width - 3)
        p = (logits * log_k.exp()[:, None, None]).softmax(-1)
        return torch.where(real, ((1 - part) * p + part / d["N"][:, None, None]).log(), NO)


def loss(log_p, d):
    return -(log_p.gather(-1, d["Y"][..., None])[..., 0] * d["W"]).sum(-1)


def by_cell(values, cell):
    _, places, counts = cell.unique(return_inverse=True, return_counts=True)
    return torch.zeros(len(counts)).index_add_(0, places, values) / counts


def fitted(model, d, careful):
    c = torch.zeros(model.size, requires_grad=True)
    before = by_cell(loss(d["L"].log_softmax(-1), d), d["cell"])
    optimiser = torch.optim.LBFGS([c], max_iter=25, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        now = by_cell(loss(model(c, d), d), d["cell"])
        total = now.mean() + 0.01 * c[1:].square().sum()
        if careful:
            total = total + 10 * (now - before).clamp(min=0).mean()
        total.backward()
        return total

    optimiser.step(closure)
    return c.detach()


def measured(log_p, d):
    """For each cell: losses of tasks, accuracy, confidence minus accuracy, calibration error."""
    sure, best = log_p.exp().max(-1)
    right, losses, result = (best == d["Y"]).float(), loss(log_p, d), {}
    for cell in d["cell"].unique().tolist():
        m = d["cell"] == cell
        w = 100 * d["W"][m] / d["W"][m].sum()
        gap = w * (sure - right)[m]
        bins = torch.zeros(15).index_add_(
            0, (sure[m] * 15).long().clamp(max=14).flatten(), gap.flatten()
        )
        result[cell] = (
            losses[m].numpy(),
            float((w * right[m]).sum()),
            float(gap.sum()),
            float(bins.abs().sum()),
        )
    return result


def show(name, result, shipped):
    change = np.array([result[c][0].mean() - shipped[c][0].mean() for c in result])
    error = np.array(
        [(result[c][0] - shipped[c][0]).std() / len(result[c][0]) ** 0.5 for c in result]
    )
    _, accuracy, gap, ece = zip(*result.values())
    lost = np.array(accuracy) - [shipped[c][1] for c in result]
    mean = np.mean([one[0].mean() for one in result.values()])
    print(
        f"{name:36} log loss {mean:.3f} ece {np.mean(ece):5.1f} (max {max(ece):4.1f}) |gap| {np.abs(gap).mean():5.1f}"
        f" worse {(change > 0.005).sum():3} of {len(change)}, beyond 2 se {((change > 2 * error) & (change > 0.005)).sum():3}, by up to {change.max():.3f};"
        f" accuracy {lost.mean():+.2f}, at least {lost.min():+.2f}",
        flush=True,
    )


def part(d, cells):
    m = torch.isin(d["cell"], torch.tensor(cells))
    return {name: values[m] for name, values in d.items()}


def fit(kind, *paths):
    cells = read(paths)
    d, place = tensors(cells), 1 if kind == "set" else 0
    groups = [KIN.get(c[place], c[place]) for c in cells]
    judged = [i for i, c in enumerate(cells) if c[0] in JUDGES]
    shipped = measured(d["L"].log_softmax(-1), d)

    def show_parts(name, result):
        for title, chosen in (("", [i for i in result if i not in judged]), (", judges", judged)):
            some = {i: result[i] for i in chosen if i in result}
            if some:
                show(name + title, some, {i: shipped[i] for i in some})

    show_parts("as shipped", shipped)
    steps = torch.arange(-1.6, 1.21, 0.1)
    losses = [by_cell(loss((d["L"] * s.exp()).log_softmax(-1), d), d["cell"]) for s in steps]
    best = steps[torch.stack(losses).argmin(0)][d["cell"]]
    show_parts("oracle", measured((d["L"] * best.exp()[:, None, None]).log_softmax(-1), d))
    forms = [
        (0, "plain"),
        (2, "plain"),
        (9, "plain"),
        (2, "mixture"),
        (2, "student"),
        (2, "uniform"),
    ]
    for n, form in [*forms, (2, "query"), (9, "query")]:
        for careful in (False, True):
            result = {}
            for group in sorted(set(groups)):
                rest = [i for i, g in enumerate(groups) if g != group and i not in judged]
                theirs = part(d, [i for i, g in enumerate(groups) if g == group])
                model = Model(part(d, rest), n, form)
                c = fitted(model, part(d, rest), careful)
                result |= measured(model(c, theirs), theirs)
            show_parts(f"{form}, {n}{', careful' if careful else ''}", result)


def shots(*paths):
    for n_shot in (1, 2, 4, 16):
        for encoder, name, level, drawn in read(paths, n_shot):
            d = tensors([(encoder, name, level, drawn)])
            losses, accuracy, gap, ece = measured(d["L"].log_softmax(-1), d)[0]
            print(
                f"{n_shot:2} {encoder:7} {name:20} {level:7} {accuracy:5.1f} {gap:+6.1f} {ece:5.1f} {losses.mean():.3f}"
            )


if __name__ == "__main__":
    {"tasks": tasks, "fit": fit, "shots": shots}[sys.argv[1]](*sys.argv[2:])
