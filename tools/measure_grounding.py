"""Measure a cross-modal adapter on scenes, and methods that need no training.

    python -m tools.measure_grounding --scenes SCENES [--split test] [--cross-modal FOLDER]

Prints a Markdown table of the pointing accuracy in % (in brackets: of pointing at any object) and
the overlap of boxes, for all methods on the same phrases, and for the adapter with examples.
Without FOLDER the shipped adapter is measured. `--data DATA`, the folder that the scenes were made
from, adds a column with up to four whole pictures of the class as examples, if the source has more.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
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
    draw_questions,
    measure,
    of_adapter,
    of_frozen_map,
    of_relevance,
)
from tools.grounding.scene_set import SceneSet
from tools.grounding.tasks import Asked, PhraseReader, examples_of
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
    questions = {shots: draw_questions(scenes, args.phrases, shots, args.seed) for shots in SHOTS}
    scores = {
        "frozen map": measure(of_frozen_map(encoder.logit_scale), scenes, questions[0], read),
        "GradCAM": measure(of_relevance(), scenes, questions[0], read),
    }
    for shots, of_shots in questions.items():

        def show(one: Asked) -> Tensor:
            return examples_of(scenes, one, adapter)

        scores[f"adapter, {shots} examples"] = measure(
            of_adapter(adapter), scenes, of_shots, read, show
        )
    if args.data is not None:
        pictures = WholePictures(args.data, scenes, encoder, adapter)
        name = "adapter, whole pictures"
        scores[name] = measure(of_adapter(adapter), scenes, questions[0], read, pictures)
    print(table(scores))


class WholePictures:
    """Whole pictures of a class as examples; none if its source has few."""

    def __init__(
        self, data: Path, scenes: SceneSet, encoder: FrozenEncoder, adapter: CrossModalAdapter
    ) -> None:
        self._data, self._scenes, self._encoder, self._adapter = data, scenes, encoder, adapter
        self._vectors: dict[tuple[str, str], Tensor] = {}

    def __call__(self, question: Asked) -> Tensor:
        """The vectors (examples, dim) of a question's examples, as the adapter reads them."""
        shown = self._scenes.scenes[question.scene]["objects"][question.phrase["object"]]
        key = shown["source"], shown["name"]
        if key not in self._vectors:
            folders = (self._data / shown["source"]).iterdir()
            folder = next(
                path for path in folders if readable_name(path.name).lower() == shown["name"]
            )
            paths = list_pictures(folder)
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
            f"{score[group].iou:.2f}"
            for score in scores.values()
        ]
        lines.append(f"| {group} | {first[group].n} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
