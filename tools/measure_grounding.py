"""Measure a cross-modal adapter on scenes, beside methods that need no training.

    python -m tools.measure_grounding --scenes SCENES [--split test] [--cross-modal FOLDER]

Prints pointing accuracy and the overlap of boxes, as a Markdown table: all methods on the same
phrases, so many of each kind, and the adapter with examples as well. Without FOLDER it is the
adapter that ships.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch

from metaadapter.features import FrozenEncoder
from metaadapter.grounding import load_cross_modal
from metaadapter.grounding.pretrained import SHIPPED
from tools.grounding.measure import (
    Score,
    draw_questions,
    measure,
    of_adapter,
    of_frozen_map,
    of_relevance,
)
from tools.grounding.scene_set import SceneSet
from tools.grounding.tasks import PhraseReader

__all__ = ["main", "table"]

SHOTS = (0, 1, 4)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, required=True, help="folder of scenes")
    parser.add_argument("--split", default="test")
    parser.add_argument("--n-scenes", type=int, help="the first so many, all by default")
    parser.add_argument("--cross-modal", type=Path, default=SHIPPED, help="folder of the adapter")
    parser.add_argument("--work", type=Path, help="folder of tokens, SCENES/tokens by default")
    parser.add_argument("--phrases", type=int, default=400, help="phrases of each kind")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    adapter = load_cross_modal(args.cross_modal)
    encoder = FrozenEncoder.load(adapter.config.encoder, zoom=False, blocks=["joint"])
    work = args.work or args.scenes / "tokens"
    scenes = SceneSet.of(args.scenes, args.split, encoder, adapter.config.size, work, args.n_scenes)
    read = PhraseReader(encoder)
    asked = {shots: draw_questions(scenes, args.phrases, shots, args.seed) for shots in SHOTS}
    scale = encoder.logit_scale
    scores = {
        "frozen map": measure(of_frozen_map(scale), scenes, asked[0], read),
        "GradCAM": measure(of_relevance(scale), scenes, asked[0], read),
    }
    for shots, each in asked.items():
        name = f"adapter, {shots} examples"
        scores[name] = measure(of_adapter(adapter), scenes, each, read, adapter)
    print(table(scores))


def table(scores: Mapping[str, Mapping[str, Score]]) -> str:
    """Markdown: a row for each group of phrases, a column for each method."""
    first = next(iter(scores.values()))
    head = ["phrases", "n", *scores]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for group in sorted(first, key=lambda each: (each != "all", each)):
        cells = [
            f"{100 * each[group].pointing:.1f} ({100 * each[group].any_object:.0f}), "
            f"{each[group].iou:.2f}"
            for each in scores.values()
        ]
        lines.append(f"| {group} | {first[group].n} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
