"""Measure a cross-modal adapter on scenes, and methods that need no training.

    python -m tools.measure_grounding --scenes SCENES [--split test] [--cross-modal FOLDER]

Prints a Markdown table of the pointing accuracy in % (in brackets: of pointing at any object), the
overlap of boxes and the share in % of boxes that overlap by half, for all methods on the same
phrases, and for the adapter with examples; then the AUROC of presence between phrases that scenes
show and as many names that they lack. Without FOLDER the shipped adapter is measured. `--data
DATA`, the folder that the scenes were made from, adds a column with up to four whole pictures of
the class as examples, if the source has more.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter
from metaadapter.labs.grounding.ground import example_vectors
from metaadapter.labs.grounding.phrase_grounder import MOST_EXAMPLES
from metaadapter.labs.grounding.pretrained import SHIPPED, load_cross_modal
from tools.grounding.measure import (
    Score,
    detection,
    draw_questions,
    measure,
    of_adapter,
    of_frozen_map,
    of_middle,
    of_relevance,
)
from tools.grounding.scene_set import SceneSet
from tools.grounding.tasks import Asked, PhraseReader, draw_absent, examples_of, named_object
from tools.scenes.sources import list_pictures

SHOTS = (0, 1, 4)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, required=True, help="folder of scenes")
    parser.add_argument("--split", default="test")
    parser.add_argument("--n-scenes", type=int, help="measure the first N; all by default")
    parser.add_argument("--cross-modal", type=Path, default=SHIPPED, help="folder of the adapter")
    parser.add_argument("--work", type=Path, help="folder of tokens, SCENES/tokens by default")
    parser.add_argument("--phrases", type=int, default=400, help="phrases of each kind")
    parser.add_argument("--data", type=Path, help="folder of sources, for whole pictures")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    adapter = load_cross_modal(args.cross_modal)
    encoder = FrozenEncoder.load(adapter.config.encoder, zoom=False, blocks=["joint"])
    work = args.work or args.scenes / "tokens"
    scenes = SceneSet.of(args.scenes, args.split, encoder, adapter.config.size, work, args.n_scenes)
    read = PhraseReader(encoder)
    questions = {
        f"{shots} examples": draw_questions(scenes, args.phrases, shots, args.seed)
        for shots in SHOTS
    }
    plain = questions["0 examples"]
    scores = {
        "box in the middle": measure(of_middle(), scenes, plain, read),
        "frozen map": measure(of_frozen_map(encoder.logit_scale), scenes, plain, read),
        "GradCAM": measure(of_relevance(), scenes, plain, read),
    }

    def of_boxes(one: Asked) -> Tensor:
        return examples_of(scenes, one, adapter)

    shows: dict[str, Callable[[Asked], Tensor]] = dict.fromkeys(questions, of_boxes)
    if args.data is not None:
        name = "whole pictures"
        questions[name], shows[name] = plain, WholePictures(args.data, scenes, encoder, adapter)
    detected = []
    for name, show in shows.items():
        present, rng = questions[name], random.Random(args.seed)
        scores[f"adapter, {name}"] = measure(of_adapter(adapter), scenes, present, read, show)
        shots = max(len(question.examples) for question in present)
        drawn = [draw_absent(scenes, question.scene, shots, rng) for question in present]
        absent = [question for question in drawn if question is not None]
        area = detection(adapter, scenes, present, absent, read, show)
        detected.append(f"{area:.3f} with {name}")
    print(table(scores))
    print(f"\nAUROC of presence: {', '.join(detected)}")


class WholePictures:
    """Whole pictures of a class as examples; none if its source has few."""

    def __init__(
        self, data: Path, scenes: SceneSet, encoder: FrozenEncoder, adapter: CrossModalAdapter
    ) -> None:
        self._data, self._scenes, self._encoder, self._adapter = data, scenes, encoder, adapter
        # A folder of DATA may be a link, so both sides are compared where they lead.
        self._measured = {Path(scene["picture"]).resolve() for scene in scenes.scenes}
        self._vectors: dict[tuple[str, str], Tensor] = {}

    def __call__(self, question: Asked) -> Tensor:
        """The vectors (examples, dim) of a question's examples, as the adapter reads them."""
        shown = named_object(self._scenes, question)
        key = shown["source"], shown["name"]
        if key not in self._vectors:
            folders = (self._data / shown["source"]).iterdir()
            folder = next(
                path for path in folders if readable_name(path.name).lower() == shown["name"]
            )
            pictures = list_pictures(folder)
            paths = [path for path in pictures if path.resolve() not in self._measured]
            chosen = paths[:MOST_EXAMPLES] if len(paths) > MOST_EXAMPLES else ()
            rows = torch.from_numpy(self._encoder.encode_images(chosen))
            self._vectors[key] = example_vectors(rows, self._adapter)
        return self._vectors[key]


def table(scores: Mapping[str, Mapping[str, Score]]) -> str:
    """Markdown: a row for each group of phrases, a column for each method."""
    first = next(iter(scores.values()))
    head = ["phrases", "n", *scores]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for group in sorted(first, key=lambda name: (name != "all", name)):
        cells = [
            f"{100 * score[group].pointing:.1f} ({100 * score[group].any_object:.0f}), "
            f"{score[group].iou:.2f}, {100 * score[group].good:.0f}"
            for score in scores.values()
        ]
        lines.append(f"| {group} | {first[group].n} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
