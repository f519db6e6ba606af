# ruff: noqa
"""Near and far strangers by mixtures of the known head with the energy, and by scores fitted to classes that are left out.

Run: python -m tools.trials.near_strangers STORE STORE … [--tasks 60] [--seed 23]
Run: python -m tools.trials.near_strangers --known STORE --elsewhere STORE
"""
import argparse
import numpy as np, torch
from torch.nn.functional import one_hot
from metaadapter.adapter.known import known_logits, known_threshold, likeness_and_doubt, prediction_sets
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.store_sets import set_of_store
from metaadapter.generator.known_scalars import likeness
from metaadapter.generator.leave_one_out import like_and_doubt
from metaadapter.generator.pretrained import load_generator
from metaadapter.generator.regression import kernel_ridge, left_out_residuals

GENERATOR = load_generator("default").eval()
ENERGIES = 0.25, 0.5, 1.0
WAYS, QUERIES, MOST = 5, 10, 16


def energy(z):
    """log-sum-exp minus the mean logit."""
    finite = z.isfinite()
    return z.logsumexp(-1) - z.masked_fill(~finite, 0).sum(-1) / finite.sum(-1)


def msp(z):
    top = z.sort(-1, descending=True).values
    return top[..., 0] - top[..., 1:].logsumexp(-1)


def left_out(problem, corrections, weights):
    """Likeness and energy of labelled pictures without themselves, and without their whole class."""
    raw, own = problem.support.raw, problem.own_TM
    noise = problem.take(problem.noise_TX(corrections.log_noise_TNK))
    values, factor = kernel_ridge(
        problem.distance_TMM, problem.present_TM,
        problem.residual_TMN(problem.prior_TND(corrections.log_trust_TN)),
        noise, problem.sharpness_T(corrections.log_sharpness_T))
    inverse = torch.cholesky_inverse(factor)
    rows, fitted = problem.rows_of(raw.rows_TMD), noise[..., None] * values
    z, scale = classify(rows, weights), weights.logit_scale[:, None, None]
    known_z = z + (scale * (fitted - left_out_residuals(values, factor))).to(z)
    # The residuals of a class by a fit to the other classes: [(K + N)⁻¹]_BB⁻¹ A_B.
    same = own[:, :, None] == own[:, None]
    residual = torch.linalg.solve(inverse.masked_fill(~same, 0.0), values.contiguous())
    hidden = one_hot(own, z.shape[-1]).bool()
    strange_z = (z + (scale * (fitted - residual)).to(z)).masked_fill(hidden, -torch.inf)
    like = likeness(raw)
    known_like, _ = like_and_doubt(like, rows, own, known_z.log_softmax(-1))
    strange_like, _ = likeness_and_doubt(rows, strange_z, like.of_classes_TND, like.bias_TN)
    return torch.stack([known_like, energy(known_z)], -1), torch.stack([strange_like, energy(strange_z)], -1)


def discriminant(known, strange, shrink=0.1):
    """Linear discriminant of known against strange pictures, for two evidences."""
    spread = sum((x - x.mean(1, keepdim=True)).mT @ (x - x.mean(1, keepdim=True)) / x.shape[1] for x in (known, strange))
    spread = spread + shrink * torch.diag_embed(spread.diagonal(dim1=1, dim2=2)) + 1e-9 * torch.eye(2)
    return torch.linalg.solve(spread, (known.mean(1) - strange.mean(1))[..., None])[..., 0]


def areas(known, strange):
    above = (known[:, :, None] > strange[:, None]).double() + 0.5 * (known[:, :, None] == strange[:, None]).double()
    return 100 * float(above.mean())


def draw(data, others, shots, n, rng):
    by = [np.flatnonzero(data.labels_n == c) for c in range(len(data.classes))]
    usable = [c for c, rows in enumerate(by) if len(rows) >= MOST + QUERIES]
    support, query, near, far, text = [], [], [], [], []
    for _ in range(n):
        chosen = rng.permutation(usable)[: 2 * WAYS]
        rows = [rng.permutation(by[c]) for c in chosen]
        support.append(np.stack([r[:shots] for r in rows[:WAYS]]))
        query.append(np.concatenate([r[MOST : MOST + QUERIES] for r in rows[:WAYS]]))
        near.append(np.concatenate([r[:QUERIES] for r in rows[WAYS:]]))
        each = WAYS * QUERIES // len(others)
        far.append(torch.cat([o.look_up(torch.from_numpy(rng.permutation(np.flatnonzero(o.labels_n >= 0))[:each])) for o in others]))
        text.append(data.text_CD[torch.from_numpy(chosen[:WAYS])])
    look = lambda numbers: data.look_up(torch.from_numpy(np.stack(numbers)))
    return look(support), look(query), look(near), torch.stack(far), torch.stack(text).float()


def scores(parts, shots, support, weights, problem, corrections):
    logits = [classify(x, weights) for x in parts]
    heads = [known_logits(x, weights, z) for x, z in zip(parts, logits)]
    result = {"head": heads, "msp": [msp(z) for z in logits], "energy": [z.logsumexp(-1) for z in logits]}
    for factor in ENERGIES:
        result[f"head + {factor} energy"] = [h + factor * (1 - 1 / shots) * energy(z) for h, z in zip(heads, logits)]
    if shots > 1:
        w = discriminant(*(x.double() for x in left_out(problem, corrections, weights))).float()
        result["discriminant"] = []
        for x, z in zip(parts, logits):
            like, _ = likeness_and_doubt(x, z, weights.likeness, weights.likeness_bias)
            result["discriminant"].append(w[:, :1] * like + w[:, 1:] * energy(z))
    return result


@torch.no_grad()
def sets(stores, tasks, seed):
    data = [set_of_store(s) for s in stores]
    means = {}
    for shots in (1, 4, 16):
        for d in data:
            rng, table = np.random.default_rng(seed), {}
            for _ in range(tasks // 20):
                support, query, near, far, text = draw(d, [o for o in data if o is not d], shots, 20, rng)
                task = Support.of_tasks(support, text, logit_scale=d.logit_scale, blocks=d.blocks)
                weights, problem, corrections = GENERATOR._without_pool(task)
                for name, (q, n, f) in scores((query, near, far), shots, task, weights, problem, corrections).items():
                    # Strangers above the score that 95 % of these known pictures exceed, and so at equal terms.
                    least = q.quantile(0.05, dim=1, keepdim=True)
                    passed = [100 * float((x >= least).float().mean()) for x in (n, f)]
                    table.setdefault(name, []).append([areas(q, n), areas(q, f), *passed])
            for name, rows in table.items():
                means.setdefault((shots, name), []).append(np.mean(rows, 0))
    for (shots, name), rows in means.items():
        near = ", ".join(f"{r[0]:.1f}" for r in rows)
        far = ", ".join(f"{r[1]:.1f}" for r in rows)
        m = np.mean(rows, 0)
        print(f"{shots:3} {name:18} near {m[0]:.1f} ({near}) far {m[1]:.1f} ({far}) pass {m[2]:.1f}, {m[3]:.1f}")


@torch.no_grad()
def places(known, elsewhere, draws=20):
    here, there = set_of_store(known), set_of_store(elsewhere)
    species = [c for c in here.classes if c != "empty"]
    rows_of = lambda d, c: np.flatnonzero(d.labels_n == d.classes.index(c))
    others = [c for c in there.classes if c not in species]
    for shots in (1, 4, 16):
        table, facts, covered = {}, [], {}
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            rows = {c: rng.permutation(rows_of(here, c)) for c in species}
            classes = [c for c in species if len(rows[c]) > shots]
            if len(classes) < 2: continue
            held = {c: rows[c][max(shots, min(MOST, len(rows[c]) // 2)) :] for c in classes}
            support = torch.from_numpy(np.stack([rows[c][:shots] for c in classes]))
            text = here.text_CD[[here.classes.index(c) for c in classes]][None].float()
            task = Support.of_tasks(here.look_up(support)[None], text, logit_scale=here.logit_scale, blocks=here.blocks)
            weights, problem, corrections = GENERATOR._without_pool(task)
            queries = here.look_up(torch.from_numpy(np.concatenate(list(held.values()))))[None]
            labels = torch.tensor([n for n, c in enumerate(classes) for _ in held[c]])
            p = classify(queries, weights).softmax(-1)
            sets_TQN = prediction_sets(p, weights, 0.9)[0]
            right = sets_TQN[torch.arange(len(labels)), labels].float()
            for n, c in enumerate(classes): covered.setdefault(c, []).append(100 * float(right[labels == n].mean()))
            kept = known_logits(queries, weights).sigmoid() >= known_threshold(weights, 0.95)[:, None]
            facts.append([100 * float(kept.float().mean()), 100 * float(right.mean()), 100 * float((p[0].argmax(-1) == labels).float().mean())])
            for c in others:
                strange = there.look_up(torch.from_numpy(rows_of(there, c)))[None]
                passed = known_logits(strange, weights).sigmoid() >= known_threshold(weights, 0.95)[:, None]
                cell = [100 * float(passed.float().mean())]
                cell += [areas(q, s) for q, s in scores((queries, strange), shots, task, weights, problem, corrections).values()]
                table.setdefault(c, []).append(cell)
        if not facts: continue
        names = ["head", "msp", "energy", *(f"+{f}" for f in ENERGIES), "discriminant"]
        print(f"{shots} pictures: kept %.1f, sets cover %.1f, accuracy %.1f;" % tuple(np.mean(facts, 0)), {c: round(float(np.mean(v)), 1) for c, v in covered.items()})
        for c, cells in table.items():
            cells = np.mean(cells, 0)
            print(f"    {c}: pass {cells[0]:.1f}; AUROC", {n: round(float(v), 1) for n, v in zip(names, cells[1:])})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("stores", nargs="*")
    parser.add_argument("--known"); parser.add_argument("--elsewhere")
    parser.add_argument("--tasks", type=int, default=60); parser.add_argument("--seed", type=int, default=23)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.known: places(asked.known, asked.elsewhere)
    else: sets(asked.stores, asked.tasks, asked.seed)
