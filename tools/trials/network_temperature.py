# ruff: noqa: ANN001, ANN201, ANN202
"""By how much the network corrects the temperature, and what an encoder could tell of it.

Usage: python -m tools.trials.network_temperature STORES

The first table multiplies the network's correction of ln κ by shots^−e. The second gives, for one
picture a class, the shift of ln κ with the least log loss, for sets of two encoders.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.made_names import with_names
from metaadapter.bench.evaluation.store_sets import set_of_store
from metaadapter.generator.generator import Generator
from metaadapter.generator.network_share import usual_shots
from metaadapter.generator.pretrained import load_generator

SETS = ("tiny-imagenet-val", "caltech101-val", "cifar10", "clothing10.large")
LEVELS = ("cone:1", "cone:4", "cone:10", "own")
SHOTS, N_WAY, N_QUERY, N_TASKS = (1, 2, 4, 16), 10, 10, 20
EXPONENTS = (0.0, 0.5, 1.0)
SHIFTS = torch.linspace(-1.2, 1.2, 49)

generator = load_generator("default")
corrections_of = Generator._corrections


def logits(support, queries, exponent):
    def corrected(self, canonical, left_out, share_T):
        corrections = corrections_of(self, canonical, left_out, share_T)
        # The generator itself has the exponent 0.5.
        factor_T = usual_shots(canonical.n_shot_TN) ** (0.5 - exponent)
        return replace(corrections, log_scale_T=corrections.log_scale_T * factor_T.float())

    Generator._corrections = corrected
    with torch.no_grad():
        return classify(queries[None], generator.predict(support))[0].float()


def tasks(data):
    rng, most = np.random.default_rng(11), max(SHOTS)
    rows = [np.flatnonzero(data.labels_n == c) for c in range(len(data.classes))]
    usable = [c for c, of_class in enumerate(rows) if len(of_class) >= most + N_QUERY]
    for _ in range(N_TASKS):
        ways = rng.permutation(usable)[:N_WAY]
        drawn = np.stack([rng.permutation(rows[c])[: most + N_QUERY] for c in ways])
        pictures = data.look_up(torch.from_numpy(drawn))
        queries = pictures[:, most:].flatten(0, 1)
        yield ways, pictures, queries, torch.arange(len(ways)).repeat_interleave(N_QUERY)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    for encoder in ("tiny", "nsfw"):
        cells, best = {}, {}
        for name in SETS:
            data = set_of_store(folder / (name if encoder == "tiny" else f"{name}@{encoder}"))
            for level, named in zip(LEVELS, with_names(data, LEVELS), strict=True):
                for ways, pictures, queries, labels in tasks(named):
                    for n_shot in SHOTS:
                        support = Support.of_tasks(
                            pictures[None, :, :n_shot],
                            named.text_CD[ways][None],
                            logit_scale=named.logit_scale,
                            blocks=named.blocks,
                        )
                        for exponent in EXPONENTS:
                            answers = logits(support, queries, exponent)
                            right = (answers.argmax(-1) == labels).float().mean()
                            sure = answers.softmax(-1).amax(-1).mean() - right
                            loss = cross_entropy(answers, labels)
                            row = float(loss), 100 * float(sure)
                            cells.setdefault((n_shot, exponent), []).append(row)
                        if n_shot == 1:
                            losses = [cross_entropy(answers * d.exp(), labels) for d in SHIFTS]
                            best.setdefault((name, level), []).append(torch.stack(losses))
        for (n_shot, exponent), rows in cells.items():
            loss, sure = np.mean(rows, 0)
            print(encoder, f"{n_shot} shots, e = {exponent}: {loss:.3f}, {sure:+.1f}")
        for name in SETS:
            shifts = [SHIFTS[torch.stack(best[name, level]).mean(0).argmin()] for level in LEVELS]
            print(encoder, name, " ".join(f"{shift:+.2f}" for shift in shifts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
