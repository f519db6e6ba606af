"""Measure the accuracy on questions about an object's colour in a scene, after a few pairs.

    python -m benchmarks.ranking.scene_questions SCENES/test.jsonl [--questions 400]

`python -m tools.scenes.make` makes the scenes. A pair is a picture with the sentence of the correct
answer; the other pictures are queries. The object's true box is also measured alone, as an upper
bound for a method that finds the box. Two more lines are for true boxes if pairs have only half of
the colours: first questions about these colours, then questions about the others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from metaadapter.data.crop import Box, Crop
from metaadapter.data.strict_json import parse_json
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.ranking.captions import answer_sentences
from metaadapter.labs.ranking.pair_adapter import fit_pairs

PAIRS, N_DRAWS = (0, 16, 64, 128), 20


def main() -> None:
    """Print a line of Markdown for the whole pictures, and a line for the boxes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--questions", type=int, default=400)
    options = parser.parse_args()
    encoder = FrozenEncoder.load("tiny")
    questions = _colours(options.scenes)[: options.questions]
    texts = [
        encoder.encode_texts(
            answer_sentences(question["question"], question["answers"]), templates="{}"
        )
        for _, question, _ in questions
    ]
    right = np.array([question["right"] for _, question, _ in questions])
    colours = np.array([question["answers"][question["right"]] for _, question, _ in questions])
    pictures = {
        "whole picture": [path for path, _, _ in questions],
        "true box": [Crop(path, box) for path, _, box in questions],
    }
    for name, images in pictures.items():
        rows = encoder.encode_images(images)
        task = encoder, rows, texts, right, colours
        _print(name, [_accuracies(*task, n, half=False)[:, 0] for n in PAIRS])
    halves = np.stack([_accuracies(*task, n, half=True) for n in PAIRS if n < max(PAIRS)])
    for name, accuracies in zip(("colours of the pairs", "others"), halves.T, strict=True):
        _print(f"true box, {name}", [*accuracies.T])


def _print(name: str, accuracies: list[np.ndarray]) -> None:
    errors = [1.96 * np.std(values, ddof=1) / N_DRAWS**0.5 for values in accuracies]
    cells = [f"{v.mean():.1f} ± {e:.1f}" for v, e in zip(accuracies, errors, strict=True)]
    sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")


def _colours(scenes: Path) -> list[tuple[Path, dict, Box]]:
    questions = []
    for line in scenes.read_text(encoding="utf-8").splitlines():
        scene = parse_json(line)
        boxes = {f"the {part['name']}": part["box"] for part in scene["objects"]}
        for question in scene["questions"]:
            if question["kind"] == "colour":
                left, top, right, bottom = boxes[question["phrase"]]
                box = Box(left, top, right - left, bottom - top)
                questions.append((scenes.parent / scene["picture"], question, box))
    return questions


def _accuracies(
    encoder: FrozenEncoder,
    rows: np.ndarray,
    texts: list[np.ndarray],
    right: np.ndarray,
    colours: np.ndarray,
    n_pairs: int,
    *,
    half: bool,
) -> np.ndarray:
    """The accuracy of each draw in %, on colours of the pairs and on other colours."""
    correct = np.stack([text[number] for text, number in zip(texts, right, strict=True)])
    looks = {"zoom": encoder.zoom, "blocks": encoder.look_blocks}
    accuracies = []
    for number in range(N_DRAWS):
        rng = np.random.default_rng(number)
        order, names = rng.permutation(len(rows)), rng.permutation(np.unique(colours))
        known = np.isin(colours, names[: len(names) // 2] if half else names)
        pairs, others = order[: max(PAIRS)], order[max(PAIRS) :]
        pairs = pairs[known[pairs]][:n_pairs]
        adapter = fit_pairs(rows[pairs], correct[pairs], **looks)
        answers = [
            int((adapter.picture_rows(rows[[n]]) @ adapter.caption_rows(texts[n]).T).argmax())
            for n in others
        ]
        hit = 100.0 * (answers == right[others])
        accuracies.append([hit[known[others]].mean(), hit[~known[others]].mean() if half else 0])
    return np.array(accuracies)


if __name__ == "__main__":
    main()
