"""The corpus of the text student: names of WordNet and ImageNet, and phrases made from them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from open_clip.tokenizer import SimpleTokenizer

READING_TEMPLATES = (
    "{}",
    "{}.",
    "a {}",
    "the {}",
    "a photo of a {}.",
    "a photo of the {}.",
    "a photo of {}.",
    "a picture of the {}.",
    "a close-up photo of a {}.",
    "a bad photo of the {}.",
    "a photo of the small {}.",
    "a photo of the large {}.",
    "an image of a {}.",
    "a drawing of a {}.",
    "a cartoon of the {}.",
    "art of the {}.",
    "itap of a {}.",
    "a {} in a video game.",
)
"""Sentences around a name; the student should give the teacher's vector for each of them."""

ADJECTIVES = """
small large old new young wild wooden metal plastic red green blue yellow black white brown striped
spotted round long short thick wet dry broken rusty shiny dark bright tall thin fluffy rotten ripe
dead dried frozen painted folded empty full dirty clean
""".split()  # noqa: SIM905 - reads better than forty quotes
# A name that is one token in open_clip's vocabulary counts as an everyday word.
PLAIN_WEIGHT, PROPER_WEIGHT, EVERYDAY_WEIGHT, IMAGENET_WEIGHT = 1.0, 0.25, 8.0, 10.0
N_KEPT_OUT = 2_000


@dataclass(frozen=True, slots=True)
class Corpus:
    """Names to train on, how often each is read, and names kept out to measure agreement."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    kept_out: tuple[str, ...]


def read_corpus(
    wordnet: Path, imagenet_names: tuple[str, ...], *, n_phrases: int, seed: int
) -> Corpus:
    """Read `id<TAB>name, name, …` lines; add `n_phrases` of "adjective name", half as many plurals.

    Names with a capital (people, places) are read a quarter as often as others, everyday words
    eight times, ImageNet's names ten times as often. No phrase contains a name in `kept_out`.
    """
    tokenizer = SimpleTokenizer()

    def weight(noun: str) -> float:
        if not noun[0].islower():
            return PROPER_WEIGHT
        return EVERYDAY_WEIGHT if len(tokenizer.encode(noun)) == 1 else PLAIN_WEIGHT

    draw = random.Random(seed)
    lines = wordnet.read_text(encoding="utf-8").splitlines()
    words = {name.strip() for line in lines for name in line.split("\t")[1].split(",")}
    nouns = sorted(words - set(imagenet_names) - {""})
    kept_out = set(draw.sample(nouns, N_KEPT_OUT))
    nouns = [noun for noun in nouns if noun not in kept_out]
    common = [noun for noun in nouns if noun[0].islower()] + list(imagenet_names)
    phrases = [f"{draw.choice(ADJECTIVES)} {draw.choice(common)}" for _ in range(n_phrases)]
    plurals = [f"{name}s" for name in draw.sample(common, n_phrases // 2) if name[-1] not in "sy"]
    weighted = dict.fromkeys(phrases + plurals, PLAIN_WEIGHT)
    weighted |= {noun: weight(noun) for noun in nouns}
    weighted |= dict.fromkeys(imagenet_names, IMAGENET_WEIGHT)
    for name in kept_out:
        weighted.pop(name, None)
    return Corpus(tuple(weighted), tuple(weighted.values()), tuple(sorted(kept_out)))
