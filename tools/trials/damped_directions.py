"""Directions in which pictures of a class differ, damped before the generator reads features.

python -m tools.trials.damped_directions STORE,… SOURCE,… TASKS

z → (I + γ S)^(−1/2) z on the joint columns, with S the scatter within the classes of the sources
(mean eigenvalue 1), or that of the support, shrunk towards it. Prints accuracy and log loss.
"""

import sys
from collections import defaultdict

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.generator.pretrained import load_generator

SHOTS = 1, 2, 4, 8, 16


def within(rows_NKD, mask_NK):
    mean = (rows_NKD * mask_NK[..., None]).sum(1) / mask_NK.sum(1)[:, None].clamp(min=1)
    gaps = ((rows_NKD - mean[:, None]) * mask_NK[..., None]).flatten(0, 1)
    scatter = gaps.T @ gaps
    return scatter / scatter.diagonal().mean(), int(mask_NK.sum()) - len(mask_NK)


def damping(scatter, gamma):
    values, vectors = torch.linalg.eigh(scatter / scatter.diagonal().mean())
    return (vectors * (1 + gamma * values.clamp(min=0)).rsqrt()) @ vectors.T


def joint_columns(data):
    return (data.text_CD != 0).any(0)


def source_scatter(folder):
    config = EvaluationConfig(stores=[folder], shots=(20,), seeds=1, tasks=1, ways=60, queries=1)
    (data,) = load_sets(config)
    rows = draw_tasks(data, config, 0).first(20)
    pictures = data.look_up(rows.support_TNK)[0][..., joint_columns(data)].double()
    return within(normalize(pictures, dim=-1), rows.support_TNK[0] >= 0)[0]


def changed(rows, matrix, joint, alone):
    old = rows[..., joint]
    new = old if matrix is None else normalize(old @ matrix, dim=-1) * old.norm(dim=-1)[..., None]
    if alone:
        return normalize(new, dim=-1)
    rows = rows.clone()
    rows[..., joint] = new
    return rows


def main():
    stores, sources, n_tasks = sys.argv[1].split(","), sys.argv[2].split(","), int(sys.argv[3])
    torch.set_num_threads(1)
    source = sum(source_scatter(folder) for folder in sources) / len(sources)
    fixed = {gamma: damping(source, gamma) for gamma in (0.1, 0.3, 1.0)}
    generators = {name: load_generator(name) for name in ("closed-form", "default")}
    config = EvaluationConfig(
        stores=stores, shots=SHOTS, seeds=1, tasks=n_tasks, ways=20, queries=10,
        names=("own", "1", "4"),
    )  # fmt: skip
    results = defaultdict(list)
    for data in load_sets(config):
        drawn, joint = draw_tasks(data, config, 0), joint_columns(data)
        for k in SHOTS:
            for rows in drawn.first(k).split(1):
                pictures = data.look_up(rows.support_TNK).double()
                texts, mask = data.text_CD[rows.classes_TN].double(), rows.support_TNK >= 0
                place = rows.query_TNQ.flatten(1)
                queries = data.query_rows(place)[:, place[0] >= 0].double()
                way = torch.arange(texts.shape[1]).repeat_interleave(rows.query_TNQ.shape[2])
                way = way[place[0] >= 0]
                matrices = {"none": None} | {f"sources {g}": m for g, m in fixed.items()}
                if k > 1:
                    own, freedom = within(normalize(pictures[0][..., joint], dim=-1), mask[0])
                    part = freedom / (freedom + 60)
                    matrices["support 0.3"] = damping(part * own + (1 - part) * source, 0.3)
                for name, matrix in matrices.items():
                    for alone in (True, False):
                        parts = (
                            changed(part, matrix, joint, alone)
                            for part in (pictures, texts, queries)
                        )
                        x, t, q = parts
                        support = Support.of_tasks(
                            x, t, mask, logit_scale=data.logit_scale,
                            blocks=() if alone else data.blocks,
                        )  # fmt: skip
                        for label, generator in generators.items():
                            with torch.no_grad():
                                log_p = classify(q, generator(support))[0].log_softmax(-1)
                            loss = -log_p[torch.arange(len(way)), way].mean().item()
                            right = 100 * (log_p.argmax(-1) == way).double().mean().item()
                            features = "joint" if alone else "all"
                            results[features, label, name, k].append((right, loss))
    for key, values in results.items():
        print(*key, "{:.1f}, {:.3f}".format(*torch.tensor(values).mean(0).tolist()))


if __name__ == "__main__":
    main()
