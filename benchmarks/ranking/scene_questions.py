"""Measure the accuracy on questions about an object's colour in a scene, after a few pairs.

    python -m benchmarks.ranking.scene_questions SCENES/test.jsonl [--questions 400]

`python -m tools.scenes.make` makes the scenes. A pair is a picture with the sentence of the correct
answer; the other pictures are queries. The object's true box is also measured alone, as an upper
bound for a method that finds the box.
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
    right = [question["right"] for _, question, _ in questions]
    pictures = {
        "whole picture": [path for path, _, _ in questions],
        "true box": [Crop(path, box) for path, _, box in questions],
    }
    for name, images in pictures.items():
        rows = encoder.encode_images(images)
        cells = [_accuracy(encoder, rows, texts, right, n) for n in PAIRS]
        sys.stdout.write(f"| {name}, {len(questions)} questions | {' | '.join(cells)} |\n")


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


def _accuracy(
    encoder: FrozenEncoder,
    rows: np.ndarray,
    texts: list[np.ndarray],
    right: list[int],
    n_pairs: int,
) -> str:
    correct = np.stack([text[number] for text, number in zip(texts, right, strict=True)])
    accuracies = []
    for number in range(N_DRAWS):
        order = np.random.default_rng(number).permutation(len(rows))
        pairs, others = order[:n_pairs], order[max(PAIRS) :]
        looks = {"zoom": encoder.zoom, "blocks": encoder.look_blocks}
        adapter = fit_pairs(rows[pairs], correct[pairs], **looks)
        answers = [
            int((adapter.picture_rows(rows[[n]]) @ adapter.caption_rows(texts[n]).T).argmax())
            for n in others
        ]
        accuracies.append(100 * np.mean([answers[i] == right[n] for i, n in enumerate(others)]))
    error = 1.96 * np.std(accuracies, ddof=1) / N_DRAWS**0.5
    return f"{np.mean(accuracies):.1f} ± {error:.1f}"


if __name__ == "__main__":
    main()
