"""The captions of a ranking: from a text file, a manifest, or a question and its answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Float32

from metaadapter.data.crop import Box
from metaadapter.data.manifest import is_manifest
from metaadapter.data.progress import tell
from metaadapter.data.reader import read_images
from metaadapter.data.regular_files import regular
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.image_encoder import ImageEncoder

PictureKey: TypeAlias = "tuple[str, Box | None]"

MAX_NAMED = 3
CAPTIONS_AT_ONCE = 256

# The factor on scores of an adapter of pairs; docs/explanation/captions.md says how it was chosen.
PAIRS_LOGIT_SCALE = 16.0

PLACE = (
    r"left of|right of|above|below|under|over|behind|beside|between|inside|near|next to|"
    r"in front of|on top of|on|in|at"
)
# A question without its question mark → the sentence, with {} for the answer.
FORMS = (
    # What colour is the car? → the car is red
    (rf"(?:what|which) (?!is |are )[\w-]+ (is|are) (?!(?:{PLACE}) )(.+)", r"\2 \1 {}"),
    # What is left of the lamp? → a cup is left of the lamp
    (rf"(?:what|who|which [\w-]+) (is|are) ((?:{PLACE}) .+)", r"{} \1 \2"),
    # What is the man doing? → the man is reading
    (r"what (is|are) (.+) doing", r"\2 \1 {}"),
    # How many dogs are there? → there are two dogs
    (r"how many (.+?) are (?:there|in the (?:picture|photo|image))", r"there are {} \1"),
    # Where is the cat? What is the animal? → the cat is on a roof
    (r"(?:where|what|who) (is|are) (.+)", r"\2 \1 {}"),
)


@dataclass(frozen=True, slots=True)
class Captions:
    """Captions without repetitions, in the order in which they were read."""

    texts: tuple[str, ...]
    of_pictures: Mapping[PictureKey, frozenset[str]] = field(default_factory=dict)
    """`picture_key` of each picture in a manifest → its captions."""


def list_captions(pictures: Path, source: Path | None, given: Sequence[str] | None) -> Captions:
    """Return the captions that are given, or that `source` or the manifest `pictures` holds."""
    if given is not None:
        texts = distinct(text.strip() for text in given)
        if not texts:
            raise UsageError("expected captions that are not empty, but all texts are empty")
        return Captions(texts)
    if source is not None:
        return _read(source)
    if not (pictures.is_file() and is_manifest(pictures)):
        raise UsageError(
            f"there are no captions for the pictures of {pictures}: give TEXTS, a text file with "
            "one caption a line, or --text, or a manifest with a column caption"
        )
    return _read(pictures)


def captions_of(table: ImageTable, source: Path) -> Captions:
    """Return the captions in a manifest, which must have one for each picture."""
    empty = [str(row.path) for row in table.rows if not row.caption]
    if empty:
        more = f" and {len(empty) - MAX_NAMED} more" if len(empty) > MAX_NAMED else ""
        raise DataError(
            f"expected a manifest (.csv, .jsonl, .parquet) with a caption for each picture, but "
            f"{source} has none for {', '.join(empty[:MAX_NAMED])}{more}; add a column caption"
        )
    of_pictures: dict[PictureKey, set[str]] = {}
    for row in table.rows:
        of_pictures.setdefault(picture_key(row.path, row.box), set()).add(row.caption or "")
    texts = distinct(row.caption or "" for row in table.rows)
    return Captions(texts, {key: frozenset(captions) for key, captions in of_pictures.items()})


def picture_key(path: Path | str, box: Box | None) -> PictureKey:
    """Return the key of a picture in a manifest, the same however its path is written."""
    return str(Path(path).absolute()), box


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts in the same order, without empty ones and repetitions."""
    return tuple(dict.fromkeys(text for text in texts if text))


def encode_captions(
    encoder: ImageEncoder, texts: Sequence[str], templates: Sequence[str]
) -> Float32[np.ndarray, "n dim"]:
    """Return unit rows of captions put into templates; a user's own encoder ignores templates."""
    parts = []
    for start in range(0, len(texts), CAPTIONS_AT_ONCE):
        batch = texts[start : start + CAPTIONS_AT_ONCE]
        if isinstance(encoder, FrozenEncoder):
            parts.append(encoder.encode_texts(batch, templates=templates))
        else:
            parts.append(encoder.encode_texts(batch))
        tell("captions", start + len(batch), len(texts))
    rows = np.concatenate(parts)
    if not rows.any():
        raise UsageError(
            f"captions need an encoder that reads texts, but {encoder.name} reads only pictures"
        )
    return rows.astype(np.float32, copy=False)


def _read(source: Path) -> Captions:
    if is_manifest(source):
        return captions_of(read_images(source, labelled=False), source)
    try:
        lines = regular(source).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"cannot read the captions of {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"expected captions in UTF-8 in {source}, one a line, but byte {error.start + 1} is "
            "not UTF-8; is it a picture? Give a text file, or a manifest with a column caption"
        ) from error
    texts = distinct(line.strip() for line in lines)
    if not texts:
        raise DataError(f"expected captions in {source}, one a line, but the file has none")
    return Captions(texts)


def answer_sentences(
    question: str, answers: Sequence[str], sentence: str | None = None
) -> tuple[str, ...]:
    """Turn each answer into a sentence; the default form is one that fits the question."""
    if not question.strip():
        raise UsageError("expected a question such as 'What colour is the car?', got none")
    if len(answers) < 2 or not all(answers) or len(set(answers)) < len(answers):
        raise UsageError(
            f"expected two or more different answers to {question!r}, got "
            f"{', '.join(map(repr, answers)) or 'none'}"
        )
    form = sentence_form(question) if sentence is None else sentence
    if form.count("{}") != 1:
        raise UsageError(
            f"expected a sentence with exactly one {{}} for the answer, as in 'the car is {{}}', "
            f"got {form!r}"
        )
    return tuple(form.replace("{}", answer) for answer in answers)


def sentence_form(question: str) -> str:
    """Return the sentence that answers a question, with {} for the answer."""
    plain = " ".join(question.replace("{", "").replace("}", "").split())
    bare = plain.rstrip(" ?")
    for pattern, form in FORMS:
        if match := re.fullmatch(pattern, bare, re.IGNORECASE):
            return match.expand(form)
    return f"{plain} {{}}"


def answer_probabilities(
    scores: Float32[np.ndarray, "n answers"], logit_scale: float
) -> Float[np.ndarray, "n answers"]:
    """Return the probability of each answer, given that one of the answers is correct."""
    from scipy.special import softmax

    return np.asarray(softmax(logit_scale * scores.astype(np.float64), axis=1))
