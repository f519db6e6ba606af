"""The texts of a scene: phrases that name one object, captions, questions with answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tools.scenes.cutouts import COLOURS
from tools.scenes.scene import Placed

# Objects are left, right, above or below each other if their centres are this fraction of the
# scene's width or height apart in that direction, and less apart in the other direction.
APART = 0.12
N_ANSWERS = 4
NUMBERS = ("one", "two", "three", "four", "five", "six")
RELATIONS = ("left of", "right of", "above", "below")
SIDES = {"left": "on the left", "right": "on the right", "top": "at the top"}
# A size is mentioned if another object of the class is larger or smaller by this factor in length.
SIZE_RATIO = 1.6


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that identify one object of a scene.

    Attributes:
        text: The words.
        object: The number of the object.
        kind: The distinction from other objects: "name", "colour", "size", "place" or "relation".
    """

    text: str
    object: int
    kind: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with candidate answers.

    Attributes:
        question: The question.
        answers: The candidates.
        right: The number of the correct answer.
        kind: "colour", "what", "relation" or "count".
        phrase: The words for the part of the picture in question; "" for the whole picture.
    """

    question: str
    answers: tuple[str, ...]
    right: int
    kind: str
    phrase: str


def phrases(objects: Sequence[Placed]) -> list[Phrase]:
    """All phrases, of the kinds of `Phrase`, that identify exactly one object."""
    identified = []
    for number, thing in enumerate(objects):
        others = [other for other in objects if other is not thing]
        twins = [other for other in others if other.name == thing.name]
        if not twins:
            identified.append(Phrase(f"the {thing.name}", number, "name"))
        if thing.colour and all(twin.colour not in (None, thing.colour) for twin in twins):
            identified.append(Phrase(f"the {thing.colour} {thing.name}", number, "colour"))
        if twins and (size := _size(thing, twins)):
            identified.append(Phrase(f"the {size} {thing.name}", number, "size"))
        if twins:
            for side in _sides(thing, twins):
                identified.append(Phrase(f"the {thing.name} {SIDES[side]}", number, "place"))
        for relation, other in _relations(thing, objects):
            if not any((relation, other) in list(_relations(twin, objects)) for twin in twins):
                text = f"the {thing.name} {relation} the {other.name}"
                identified.append(Phrase(text, number, "relation"))
    return identified


def captions(objects: Sequence[Placed], rng: np.random.Generator) -> list[str]:
    """Captions: one lists all objects, one gives the relation of two objects if it is clear."""
    order = rng.permutation(len(objects))
    listed = [with_article(_described(objects[n])) for n in order]
    texts = [", ".join(listed[:-1]) + " and " + listed[-1] if len(listed) > 1 else listed[0]]
    relations = [
        f"{with_article(_described(thing))} {relation} {with_article(_described(other))}"
        for thing in objects
        for relation, other in _relations(thing, objects)
    ]
    if relations:
        texts.append(relations[rng.integers(len(relations))])
    return texts


def questions(
    objects: Sequence[Placed], names: Sequence[str], rng: np.random.Generator
) -> list[Question]:
    """Questions about colours, positions and numbers.

    Wrong answers are other colours, other objects of the scene, `names` of the split, or numbers.
    """
    drawn = []
    unique = [thing for thing in objects if sum(thing.name == other.name for other in objects) == 1]
    for thing in unique:
        if thing.colour:
            text = f"What colour is the {thing.name}?"
            wrong = [colour for colour in COLOURS if colour != thing.colour]
            drawn.append(_question(text, thing.colour, wrong, "colour", f"the {thing.name}", rng))
    there = {thing.name for thing in objects}
    absent = [name for name in names if name not in there]
    for other in unique:
        for relation in RELATIONS:
            standing = {
                thing.name for thing in objects if (relation, other) in _relations(thing, objects)
            }
            if len(standing) == 1:
                right = standing.pop()
                near = sorted(there - {right, other.name})
                wrong = [*near, *rng.permutation(absent).tolist()][: N_ANSWERS - 1]
                place = f"{relation} the {other.name}"
                drawn.append(_question(f"What is {place}?", right, wrong, "relation", place, rng))
    if objects:
        right = str(rng.choice(sorted(there)))
        wrong = rng.permutation(absent)[: N_ANSWERS - 1].tolist()
        if wrong:
            drawn.append(_question("What is in the picture?", right, wrong, "what", "", rng))
        counted = str(rng.choice(sorted(there)))
        n = sum(thing.name == counted for thing in objects)
        text = f"How many objects are called {counted}?"
        wrong = [number for number in NUMBERS[:4] if number != NUMBERS[n - 1]]
        drawn.append(_question(text, NUMBERS[n - 1], wrong, "count", "", rng))
    return drawn


def with_article(name: str) -> str:
    """The name after "a" or "an", depending on its first letter."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _question(
    text: str,
    right: str,
    wrong: Sequence[str],
    kind: str,
    phrase: str,
    rng: np.random.Generator,
) -> Question:
    chosen = [right, *rng.permutation(list(wrong))[: N_ANSWERS - 1].tolist()]
    order = rng.permutation(len(chosen)).tolist()
    return Question(text, tuple(chosen[n] for n in order), order.index(0), kind, phrase)


def _described(thing: Placed) -> str:
    return f"{thing.colour} {thing.name}" if thing.colour else thing.name


def _size(thing: Placed, twins: Sequence[Placed]) -> str | None:
    lengths = [_length(twin) for twin in twins]
    if _length(thing) > SIZE_RATIO * max(lengths):
        return "large"
    return "small" if SIZE_RATIO * _length(thing) < min(lengths) else None


def _length(thing: Placed) -> float:
    left, top, right, bottom = thing.box
    return max(right - left, bottom - top)


def _sides(thing: Placed, twins: Sequence[Placed]) -> Iterator[str]:
    (x, y), centres = thing.centre, [twin.centre for twin in twins]
    if all(x < other - APART for other, _ in centres) and x < 0.5:
        yield "left"
    if all(x > other + APART for other, _ in centres) and x > 0.5:
        yield "right"
    if all(y < other - APART for _, other in centres) and y < 0.5:
        yield "top"


def _relations(thing: Placed, objects: Sequence[Placed]) -> Iterator[tuple[str, Placed]]:
    """Yield the relations of an object to other objects that have a unique name."""
    for other in objects:
        if other.name == thing.name or sum(other.name == twin.name for twin in objects) > 1:
            continue
        across, down = (b - a for a, b in zip(thing.centre, other.centre, strict=True))
        if abs(across) > max(APART, abs(down)):
            yield ("left of" if across > 0 else "right of"), other
        elif abs(down) > max(APART, abs(across)):
            yield ("above" if down > 0 else "below"), other
