"""Adapters without a cache: accuracy and log loss of the same functions in the class vectors.

    python -m tools.trials.without_cache STORE… [--names own,0.6,2,4,8,noise] [--tasks 10]

`default` is the shipped generator. `line` takes the same coefficients of the kernel ridge, and puts
for each key the line that fits its affinities to the other pictures of the support. The place of a
picture itself is taken by the mean over the others of its class; with one picture of a class, by
0.4 of the way from the mean over other classes to itself. `plain ridge C` solves a linear ridge
with C times the noise of the kernel ridge, at the same temperature.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace

import torch
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import load_generator

ONE_SHOT = 0.4
NOISES = (1.0, 2.0, 4.0)


def line(weights: AdapterWeights, support: Support) -> AdapterWeights:
    """Return the adapter with its cache replaced by lines in the class vectors."""
    assert weights.cache is not None
    keys, values, alpha, beta = (part[0] for part in weights.cache)
    rows, labels = support.labelled_rows()
    at = rows.double() @ keys.mT
    same = labels[:, None] == labels
    itself = torch.eye(len(labels), dtype=torch.bool)
    others = same & ~itself
    elsewhere = (at * ~same).sum(0) / (~same).sum(0)
    own = (at * others).sum(0) / others.sum(0).clamp(min=1)
    alone = elsewhere + ONE_SHOT * (at.diagonal() - elsewhere)
    at[itself] = torch.where(others.any(0), own, alone)
    affinity = (beta * (at - 1)).exp()
    from_mean = at - at.mean(0)
    slope = (from_mean * (affinity - affinity.mean(0))).sum(0) / from_mean.square().sum(0)
    constant = alpha * (affinity.mean(0) - slope * at.mean(0)) @ values
    change = alpha / weights.logit_scale[0] * (slope[:, None] * values).mT @ keys
    return replace(
        weights.text_alone(),
        classes=weights.classes + change,
        class_bias=weights.class_bias + constant,
        **dict.fromkeys(("keys", "values", "alpha", "beta")),
    )


def plain_ridge(generator: Generator, support: Support, times: float) -> AdapterWeights:
    """Return the adapter whose class vectors are a linear ridge with the same corrections."""
    weights, problem, corrections = generator._without_pool(support)
    canonical = problem.support
    rows = problem.rows_of(canonical.shots_TNKD.flatten(1, 2))[0].double()
    prior = problem.prior_TND(corrections.log_trust_TN).double()
    noise = problem.take(problem.noise_TX(corrections.log_noise_TNK))[0].double()
    system = rows @ rows.mT + (times * noise).diag()
    values = torch.linalg.solve(system, problem.residual_TMN(prior)[0])
    change = (values.mT @ rows) * canonical.scale_TD[0].double()
    weights = weights.to(dtype=torch.float64)
    at_centre = change @ canonical.image_centre_TD[0].double()
    return replace(
        weights.text_alone(),
        classes=weights.classes + change,
        class_bias=weights.class_bias - weights.logit_scale[:, None] * at_centre,
        **dict.fromkeys(("keys", "values", "alpha", "beta")),
    )


@torch.no_grad()
def heads(generator: Generator, support: Support) -> dict[str, AdapterWeights]:
    weights = generator(support).to(dtype=torch.float64)
    return {
        "default": weights,
        "default without its bottleneck": weights.text_alone(),
        "line": line(weights, support),
        **{f"plain ridge {times:g}": plain_ridge(generator, support, times) for times in NOISES},
    }


def figures(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    log_p = logits.log_softmax(-1)
    correct = (log_p.argmax(-1) == labels).double().mean()
    return 100 * float(correct), -float(log_p.gather(1, labels[:, None]).mean())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("stores", nargs="+")
    parser.add_argument("--names", default="own,0.6,2,4,8,noise")
    parser.add_argument("--tasks", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = tuple(given.names.split(","))
    config = EvaluationConfig(
        stores=given.stores, seeds=1, tasks=given.tasks, ways=20, queries=10, names=names
    )
    generator = load_generator()
    assert isinstance(generator, Generator)
    of_sets = defaultdict(list)
    for data in load_sets(config):
        drawn, results = draw_tasks(data, config, 0), defaultdict(list)
        for n_shot in config.shots:
            for task in drawn.first(n_shot).split(1):
                support = Support.of_tasks(
                    data.look_up(task.support_TNK),
                    data.text_CD[task.classes_TN],
                    task.support_TNK >= 0,
                    logit_scale=data.logit_scale,
                    blocks=data.blocks,
                )
                query = task.query_TNQ.flatten(1)
                there = (query >= 0)[0]
                rows = data.query_rows(query)[:, there].double()
                labels = torch.arange(support.n_way).repeat_interleave(task.query_TNQ.shape[2])
                for name, head in heads(generator, support).items():
                    found = figures(classify(rows, head)[0], labels[there])
                    results[name, n_shot].append(found)
        for key, values in results.items():
            of_sets[key].append(torch.tensor(values).mean(0))
    for name in dict.fromkeys(name for name, _ in of_sets):
        cells = (torch.stack(of_sets[name, n_shot]).mean(0).tolist() for n_shot in config.shots)
        print(f"| {name} | " + " | ".join(f"{a:.2f}, {loss:.3f}" for a, loss in cells) + " |")


if __name__ == "__main__":
    main()
