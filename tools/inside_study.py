"""Compare adapters inside the tower with the predicted adapter only, on folders of pictures.

Usage, for example:

    python -m tools.inside_study PICTURES… --out RUN.jsonl --shots 4,16 --draws 3
    python -m tools.inside_study photos --asked cartoons --out RUN.jsonl --kind lora

Each line of RUN.jsonl holds one draw of one task; existing draws are not measured again.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.adapter.known import calibrated, known_probabilities, known_threshold
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.data.reader import read_images
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.features.towers.config import Calibration
from metaadapter.generator.pretrained import load_generator
from metaadapter.labs.tuning.tune_inside import Inside, tune_inside
from metaadapter.workflow.fit_adapter import labelled_support, predict_adapter
from metaadapter.workflow.labelled_pictures import draw_shots

KEY = (
    *("support", "asked", "shots", "draw"),
    *("n_steps", "kind", "encoder", "ways", "queries"),
)


def main() -> None:
    """Measure missing draws, and print the means."""
    given = _arguments()
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    there = [parse_json(line) for line in lines]
    known = {tuple(line.get(key) for key in KEY) for line in there}
    encoder, generator = FrozenEncoder.load(given.encoder), load_generator("default")
    settings = Inside(given.kind, n_steps=given.steps)
    for folder in given.pictures:
        for shots in map(int, given.shots.split(",")):
            for draw in range(given.draws):
                query_folder = given.asked or folder
                facts = (
                    str(folder),
                    str(query_folder),
                    shots,
                    draw,
                    given.steps,
                    given.kind,
                    given.encoder,
                    given.ways,
                    given.queries,
                )
                if facts in known:
                    continue
                figures = _measure(
                    folder, query_folder, shots, draw, encoder, generator, settings, given
                )
                there.append({**dict(zip(KEY, facts, strict=True)), **figures})
                with given.out.open("a") as file:
                    file.write(json_text(there[-1]).replace("\n", " ") + "\n")
                print(there[-1], flush=True)
    _show(there)


def _measure(
    folder: Path,
    query_folder: Path,
    shots: int,
    draw: int,
    encoder: FrozenEncoder,
    generator: Any,
    settings: Inside,
    given: argparse.Namespace,
) -> dict[str, Any]:
    classes = _classes(folder, given.ways, draw)
    pictures, labels, others, other_labels = [], [], [], []
    for name in classes:
        support, rest = _parted(folder, name, shots, draw)
        if query_folder != folder:
            rest = _parted(query_folder, name, given.queries, draw)[0]
        pictures += support
        labels += [name] * len(support)
        rest = rest[: given.queries]
        others += rest
        other_labels += [name] * len(rest)
    texts = {name: readable_name(name) for name in classes}
    started, used = time.monotonic(), time.process_time()
    tuned = tune_inside(encoder, pictures, labels, texts, settings, generator=generator, seed=draw)
    seconds, used = time.monotonic() - started, time.process_time() - used
    targets = np.array([classes.index(name) for name in other_labels])

    def figures(
        tower: FrozenEncoder, calibration: Calibration | None = None
    ) -> tuple[float, float, float]:
        features = tower.encode_images(pictures)
        task: Support = labelled_support(
            features, labels, classes, texts, tower, logit_scale=tower.logit_scale
        )
        weights = predict_adapter(generator, task)
        if calibration is not None:
            weights = calibrated(weights, calibration)
        rows = torch.from_numpy(tower.encode_images(others)).double()
        log_probabilities = classify(rows, weights).log_softmax(-1).numpy()
        loss = -log_probabilities[np.arange(len(log_probabilities)), targets].mean()
        taken_as_known = known_probabilities(rows, weights) >= known_threshold(weights)
        return (
            100 * float((log_probabilities.argmax(1) == targets).mean()),
            float(loss),
            100 * float(taken_as_known.double().mean()),
        )

    before = figures(encoder)
    after = before
    if tuned.config is not None:
        changed = with_towers(encoder, tuned.tensors, inside=tuned.config)
        after = figures(changed, tuned.config.calibration)
    left = tuned.left_out
    return {
        "accuracy": [before[0], after[0]],
        "log_loss": [before[1], after[1]],
        # At the threshold that 95 % of the pictures of the classes must pass.
        "taken_as_known": [before[2], after[2]],
        "n_steps_taken": tuned.n_steps,
        "strength": None if left is None else left.strength,
        "left_out": None if left is None else {str(k): v for k, v in left.log_losses.items()},
        "n_trained": tuned.n_trained,
        "seconds": seconds,
        "processor_seconds": used,
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _classes(folder: Path, ways: int, draw: int) -> list[str]:
    names = list(read_images(folder).classes)
    chosen = np.random.default_rng(draw).permutation(len(names))[:ways]
    return sorted(names[number] for number in chosen)


def _parted(folder: Path, name: str, shots: int, draw: int) -> tuple[list[Path], list[Path]]:
    """Return the shots of a class, and shuffled other pictures that do not depend on `shots`."""
    paths = sorted(path for path in (folder / name).iterdir() if path.is_file())
    drawn = draw_shots([name] * len(paths), shots, draw)
    # Always hold back 16 pictures, the largest number of shots.
    held = set(draw_shots([name] * len(paths), 16, draw))
    rest = [number for number in range(len(paths)) if number not in held]
    order = np.random.default_rng([draw, 1]).permutation(rest)
    return [paths[number] for number in drawn], [paths[number] for number in order]


def _show(lines: list[dict[str, Any]]) -> None:
    groups = defaultdict(list)
    for line in lines:
        groups[tuple(line.get(key) for key in KEY if key != "draw")].append(line)
    for key, group in groups.items():
        gains = [after - before for before, after in (line["accuracy"] for line in group)]
        losses = [after - before for before, after in (line["log_loss"] for line in group)]
        spread = 1.96 * stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
        print(
            *key,
            f"{mean(line['accuracy'][0] for line in group):.2f}",
            f"{mean(gains):+.2f} ± {spread:.2f}",
            f"log loss {mean(losses):+.3f}",
            "taken as known "
            + " → ".join(
                f"{mean(line['taken_as_known'][i] for line in group):.1f}" for i in (0, 1)
            ),
            f"kept {sum(line['n_steps_taken'] > 0 for line in group)} of {len(group)}",
            f"{mean(line['seconds'] for line in group):.0f} s",
            f"{mean(line['processor_seconds'] for line in group):.0f} s of the processor",
            f"{max(line['memory_mib'] for line in group):.0f} MiB",
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", type=Path, help="folders with one folder per class")
    parser.add_argument("--asked", type=Path, help="folder of the query pictures")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--encoder", default="tiny")
    parser.add_argument("--shots", default="4,16")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--ways", type=int, default=20)
    parser.add_argument("--queries", type=int, default=15, help="query pictures per class")
    parser.add_argument(
        "--steps", type=int, help="number of steps; by default left-out pictures choose it"
    )
    parser.add_argument("--kind", choices=("bottleneck", "lora"), default="bottleneck")
    return parser.parse_args()


if __name__ == "__main__":
    main()
