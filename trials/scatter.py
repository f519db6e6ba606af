"""Does the scatter of a picture's two looks say at one shot what the evidence there is does not?

    python trials/scatter.py STORES

For tasks of one picture a class: the factor on the inverse temperature and the length of the stages that give the least log
loss with the shipped generator and its closed form, regressed on scalars of the support with each data set left out in
turn. R² is over the mean of the other sets; negative is worse than that mean.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter import Support, classify
from metaadapter.generator import Generator, load_generator
from metaadapter.generator.blocks import block_evidence, log_lengths, reweigh
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.evidence import leave_one_out
from metaadapter.generator.regression import regression
from metaadapter.generator.relations import relate
from tools.store_tasks import StoreTasks, load_source

SETS = [
    "caltech101-train",
    "caltech101-val",
    "camtrap-us",
    "cifar10",
    "clothing10.large",
    "omniglot56",
    "pacs-cartoon.large",
    "pacs-photo.large",
    "tiny-imagenet-train",
    "tiny-imagenet-val",
    "trashnet6.large",
]
FACTORS = np.exp(np.linspace(-1, 1, 21))
LENGTHS = (0.0, 0.3, 0.55, 0.8, 1.1, 1.5)
WIDTHS = (512, 992, 512, 992)


def look_scalars(shots_TND):
    """(T, S) from both looks of one picture a class: how alike they are, and whether they find one another."""
    blocks = torch.split(shots_TND, WIDTHS, -1)
    found = []
    for whole, zoom in ((blocks[0], blocks[2]), (blocks[1], blocks[3])):
        raw = (normalize(whole, dim=-1) * normalize(zoom, dim=-1)).sum(-1)
        centred = [normalize(each - each.mean(1, keepdim=True), dim=-1) for each in (whole, zoom)]
        pairs = centred[0] @ centred[1].mT
        n = pairs.shape[-1]
        own = pairs.diagonal(dim1=1, dim2=2)
        other = (pairs.sum((1, 2)) - own.sum(1)) / (n * (n - 1))
        place = torch.arange(n).expand(len(pairs), n)
        finds = -cross_entropy(5 * pairs.mT, place, reduction="none").mean(1) + np.log(n)
        right = (pairs.argmax(-1) == place).double().mean(1)
        found += [
            raw.mean(1),
            raw.std(1),
            own.mean(1),
            own.std(1),
            own.mean(1) - other,
            finds,
            right,
        ]
    joint, stages = found[2], found[9]
    return torch.stack([*found, joint - stages, found[5] - found[12]], -1)


def rows_of(X, factor):
    parts = list(torch.split(X, WIDTHS, -1))
    parts[1], parts[3] = parts[1] * factor, parts[3] * factor
    return normalize(torch.cat(parts, -1), dim=-1)


def main():
    torch.set_num_threads(1)
    shipped, untrained = load_generator("default"), Generator()
    known, looks, targets, sets = [], [], [], []
    for n, name in enumerate(SETS):
        source = load_source(Path(sys.argv[1]) / name)
        tasks = StoreTasks.draw(source, 100, seed=5)
        for batch in tasks.batches(1):
            support = Support.of_batch(batch, source.logit_scale, source.blocks)
            with torch.no_grad():
                weights = shipped.predict(support)
                said = classify(batch.query_TQD, weights).double()
                y = batch.query_labels_TQ
                losses = torch.stack(
                    [
                        cross_entropy((f * said).mT, y, reduction="none", ignore_index=-1).mean(1)
                        for f in FACTORS
                    ],
                    -1,
                )
                scale = np.log(FACTORS[losses.argmin(-1).numpy()])
                by_length = []
                for length in LENGTHS:
                    factor = length / 0.8
                    again = Support.of_batch(
                        type(batch)(
                            rows_of(batch.support_TNKD, factor),
                            batch.support_mask_TNK,
                            rows_of(batch.query_TQD, factor),
                            y,
                            batch.text_TND,
                            batch.class_mask_TN,
                        ),
                        source.logit_scale,
                        source.blocks,
                    )
                    answers = classify(
                        rows_of(batch.query_TQD, factor), untrained.predict(again)
                    ).double()
                    by_length.append(100 * (answers.argmax(-1) == y).double().mean(1))
                by_length = torch.stack(by_length, -1).numpy()
                canonical = canonicalise(support)
                canonical = reweigh(canonical, log_lengths(canonical))
                relations = relate(
                    canonical, leave_one_out(regression(canonical, untrained.config.closed_form))
                )
                mask = batch.class_mask_TN[..., None]
                classes = (relations.classes_TNC * mask).sum(1) / mask.sum(1)
                blocks = block_evidence(canonical).flatten(1)
            known.append(torch.cat([classes, blocks], -1).double().numpy())
            looks.append(look_scalars(batch.support_TNKD[:, :, 0].double()).numpy())
            targets.append(np.column_stack([scale, by_length]))
            sets += [n] * len(y)
        print(
            name,
            "best factor",
            np.exp(targets[-1][:, 0].mean()).round(2),
            "accuracy by length",
            np.concatenate(targets)[np.array(sets) == n, 1:].mean(0).round(1),
            flush=True,
        )
    known, looks, targets, sets = (
        np.concatenate(known),
        np.concatenate(looks),
        np.concatenate(targets),
        np.array(sets),
    )
    np.savez("/tmp/scatter.npz", known=known, looks=looks, targets=targets, sets=sets)


main()
