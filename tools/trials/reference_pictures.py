# ruff: noqa: ANN001, ANN201, ANN202
"""Whether the scatter of an encoder's reference pictures tells its temperature at one picture.

Usage: python -m tools.trials.reference_pictures STORES

z is the logarithm of 1 − mean cosine of the labelled pictures, divided by the mean squared distance
from class means of other pictures through the same encoder, as reference pictures would tell it. On
training stores of eight encoders, ln κ is shifted by a constant, then also by a multiple of z. Both
shifts are judged on validation stores of two encoders.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.made_names import with_names
from metaadapter.bench.evaluation.store_sets import set_of_store
from metaadapter.generator.pretrained import load_generator

LEVELS = ("cone:1", "cone:4", "own")
ENCODERS = ("", "@lite1", "@flat", "@steep", "@stages", "@raw", "@root", "@narrow")
TRAIN = (
    "tiny-imagenet-train",
    "caltech101-train",
    "pacs-photo.large",
    "pacs-cartoon.large",
    "trashnet6.large",
)
JUDGE = ("tiny-imagenet-val", "caltech101-val", "cifar10", "clothing10.large")
N_WAY, N_QUERY, N_REFERENCE = 10, 10, 10


def unit(rows):
    return rows / rows.norm(dim=-1, keepdim=True)


def drawn(data, ways, rng, n):
    rows = [rng.permutation(np.flatnonzero(data.labels_n == c))[:n] for c in ways]
    return data.look_up(torch.from_numpy(np.stack(rows))).float()


def classes_of(data, n):
    return [c for c in range(len(data.classes)) if (data.labels_n == c).sum() >= n]


def scatter(data):
    reference = classes_of(data, N_REFERENCE)[:40]
    pictures = unit(drawn(data, reference, np.random.default_rng(0), N_REFERENCE))
    centred = pictures - pictures.mean(1, keepdim=True)
    return float(centred.square().sum(-1).mean()) * N_REFERENCE / (N_REFERENCE - 1)


def tasks(data, within, n_tasks, generator):
    for level, named in zip(LEVELS, with_names(data, LEVELS), strict=True):
        rng, usable = np.random.default_rng(11), classes_of(named, 1 + N_QUERY)
        for _ in range(n_tasks):
            ways = rng.permutation(usable)[:N_WAY]
            pictures = drawn(named, ways, rng, 1 + N_QUERY)
            support = Support.of_tasks(
                pictures[None, :, :1],
                named.text_CD[ways][None],
                logit_scale=named.logit_scale,
                blocks=named.blocks,
            )
            with torch.no_grad():
                queries = pictures[:, 1:].flatten(0, 1)
                logits = classify(queries[None], generator.predict(support))[0].float()
            labels = torch.arange(len(ways)).repeat_interleave(N_QUERY)
            cosines = unit(pictures[:, 0]) @ unit(pictures[:, 0]).T
            spread = 1 - (cosines.sum() - cosines.trace()) / (len(ways) * (len(ways) - 1))
            yield level, logits, labels, float((spread / within).log())


def shifted(row, constants):
    _, logits, labels, z = row
    return cross_entropy(logits * (constants[0] + constants[1] * z).exp(), labels)


def fit(rows, with_z):
    constants = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.LBFGS([constants], max_iter=50)

    def step():
        optimizer.zero_grad()
        used = constants * torch.tensor([1.0, float(with_z)])
        loss = torch.stack([shifted(row, used) for row in rows]).mean()
        loss.backward()
        return loss

    optimizer.step(step)
    print("training loss", f"{float(step().detach()):.4f}", constants.detach().tolist())
    return constants.detach()


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    generator, rows = load_generator("default"), []
    for encoder in ENCODERS:
        within = scatter(set_of_store(folder / (TRAIN[0] + encoder)))
        for name in TRAIN:
            rows += tasks(set_of_store(folder / (name + encoder)), within, 8, generator)
    shifts = [torch.zeros(2), fit(rows, False), fit(rows, True)]
    for encoder in ("", "@nsfw"):
        within, losses = scatter(set_of_store(folder / (JUDGE[0] + encoder))), []
        for name in JUDGE:
            judged = list(tasks(set_of_store(folder / (name + encoder)), within, 20, generator))
            losses.append([float(np.mean([shifted(r, s) for r in judged])) for s in shifts])
        print(encoder or "tiny", "none, constant, with z:", np.mean(losses, 0).round(4))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
