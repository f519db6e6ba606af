"""Grounding tasks drawn from scenes: a picture, a phrase, and perhaps some examples."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter
from metaadapter.labs.grounding.ground import example_vectors
from metaadapter.labs.grounding.tokens import (
    PhraseTokens,
    PictureTokens,
    join_tokens,
    joint_of_first_look,
    phrase_pieces,
)
from tools.grounding.scene_set import SceneSet
from tools.scenes.sources import head_noun

TEXTS_AT_ONCE = 512
OTHER_SIDE = {"left": "right", "right": "left"}


class Asked(NamedTuple):
    """A query: a phrase about a scene.

    Attributes:
        scene: The number of the scene.
        phrase: The record of the phrase.
        examples: Scene and object numbers of examples, from other scenes.
        is_present: Whether the scene shows what the phrase names.
    """

    scene: int
    phrase: dict[str, Any]
    examples: tuple[tuple[int, int], ...] = ()
    is_present: bool = True


class PhraseReader:
    """Reads phrases as vectors of their pieces; each piece is encoded once."""

    def __init__(self, encoder: FrozenEncoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, Tensor] = {}

    def __call__(
        self, phrases: Sequence[str], examples: Sequence[Tensor] | None = None
    ) -> PhraseTokens:
        """Return the tokens of phrases; `examples` has vectors (examples, dim) for each phrase."""
        pieces = [phrase_pieces(phrase) for phrase in phrases]
        new = sorted({text for parts in pieces for text, _, _ in parts} - self._vectors.keys())
        for start in range(0, len(new), TEXTS_AT_ONCE):
            some = new[start : start + TEXTS_AT_ONCE]
            rows = joint_of_first_look(
                self._encoder, torch.from_numpy(self._encoder.encode_texts(some))
            )
            self._vectors.update(zip(some, rows, strict=True))
        return join_tokens(
            [
                [(self._vectors[text], kind, place) for text, kind, place in parts]
                for parts in pieces
            ],
            examples,
        )


def draw_asked(
    scenes: SceneSet, number: int, n_phrases: int, shots: Sequence[int], rng: random.Random
) -> list[Asked]:
    """Draw phrases about one scene, evenly from all kinds, with a random number of examples."""
    kinds = defaultdict(list)
    for phrase in scenes.scenes[number]["phrases"]:
        kinds[phrase["kind"]].append(phrase)
    chosen = [rng.choice(kinds[rng.choice(sorted(kinds))]) for _ in range(n_phrases)]
    return [
        Asked(number, phrase, draw_examples(scenes, number, phrase, rng.choice(shots), rng))
        for phrase in chosen
    ]


def draw_absent(scenes: SceneSet, number: int, n_shots: int, rng: random.Random) -> Asked | None:
    """Draw a name that no object of a scene has, with up to `n_shots` examples of it.

    Names with the head noun of an object are not drawn. Return `None` if there is no other name.
    """
    shown = {head_noun(thing["name"]) for thing in scenes.scenes[number]["objects"]}
    lacking = [name for name in scenes.names if head_noun(name) not in shown]
    if not lacking:
        return None
    name = rng.choice(lacking)
    instances = scenes.of_name[name]
    examples = tuple(rng.sample(instances, min(n_shots, len(instances))))
    phrase = {"text": f"the {name}", "name": name, "kind": "name"}
    return Asked(number, phrase, examples, is_present=False)


def named_object(scenes: SceneSet, question: Asked) -> dict[str, Any]:
    """Return the record of the object that a phrase names; for an absent one, of an instance."""
    scene, place = question.scene, question.phrase.get("object")
    if not question.is_present:
        scene, place = scenes.of_name[question.phrase["name"]][0]
    record: dict[str, Any] = scenes.scenes[scene]["objects"][place]
    return record


def draw_examples(
    scenes: SceneSet, number: int, phrase: dict[str, Any], n_shots: int, rng: random.Random
) -> tuple[tuple[int, int], ...]:
    """Draw up to `n_shots` instances of the phrase's class from other scenes."""
    name = scenes.scenes[number]["objects"][phrase["object"]]["name"]
    others = [instance for instance in scenes.of_name[name] if instance[0] != number]
    return tuple(rng.sample(others, min(n_shots, len(others))))


def examples_of(scenes: SceneSet, question: Asked, adapter: CrossModalAdapter) -> Tensor:
    """The vectors (examples, dim) of a question's examples, as the adapter reads them."""
    if not question.examples:
        return torch.empty(0, adapter.config.dim)
    regions = torch.stack([scenes.region(*instance) for instance in question.examples])
    return example_vectors(regions, adapter)


def mirrored(
    tokens: PictureTokens, texts: Sequence[str], boxes: Tensor
) -> tuple[PictureTokens, list[str], Tensor]:
    """Return the same tasks with left and right exchanged.

    A tower gives nearly these tokens for a mirrored picture.
    """
    sides = [" ".join(OTHER_SIDE.get(word, word) for word in text.split()) for text in texts]
    left, top, right, bottom = boxes.unbind(1)
    turned = torch.stack([1 - right, top, 1 - left, bottom], 1)
    return PictureTokens(*(part.flip(2) for part in tokens)), sides, turned
