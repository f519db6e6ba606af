"""The captions that pictures are ordered by: lines of a text file, a manifest, or given ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32

from metaadapter.data.crop import Box
from metaadapter.data.manifest import is_manifest
from metaadapter.data.reader import read_images
from metaadapter.data.regular_files import regular
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder

PictureKey: TypeAlias = "tuple[str, Box | None]"

MAX_NAMED = 3
CAPTIONS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Captions:
    """Captions that differ, in the order in which they were met.

    `of_pictures` has the captions of each picture that a manifest tells of, by the absolute path of
    its file and the part of it that counts.
    """

    texts: tuple[str, ...]
    of_pictures: Mapping[PictureKey, frozenset[str]] = field(default_factory=dict)


def list_captions(
    pictures: Path, source: Path | None, given: Sequence[str] | None, *, split: str | None = None
) -> Captions:
    """The captions that pictures are held against.

    Args:
        pictures: The source of the pictures, whose captions are taken where there are no others.
        source: A manifest with a column caption, or a text file with one caption a line.
        given: The captions themselves, in place of a source.
        split: The split of a manifest to read; all of it by default.

    Raises:
        DataError: A file is missing, cannot be read, or has no caption.
        UsageError: There are no captions at all.
    """
    if given is not None:
        texts = distinct(text.strip() for text in given)
        if not texts:
            raise UsageError("expected captions that are not empty")
        return Captions(texts)
    if source is not None:
        return _read(source, split)
    if not (pictures.is_file() and is_manifest(pictures)):
        raise UsageError(
            f"there are no captions for the pictures of {pictures}: give TEXTS, a text file with "
            "one a line, or --text, or a manifest with a column caption"
        )
    return _read(pictures, split)


def captions_of(table: ImageTable, source: Path) -> Captions:
    """The captions of a manifest.

    Raises:
        DataError: A row has no caption.
    """
    empty = [str(row.path) for row in table.rows if not row.caption]
    if empty:
        more = f" and {len(empty) - MAX_NAMED} more" if len(empty) > MAX_NAMED else ""
        raise DataError(
            f"expected a manifest (.csv, .jsonl, .parquet) with a caption for each picture, but "
            f"{source} has none for {', '.join(empty[:MAX_NAMED])}{more}; write a column caption"
        )
    told: dict[PictureKey, set[str]] = {}
    for row in table.rows:
        told.setdefault(picture_key(row.path, row.box), set()).add(row.caption or "")
    texts = distinct(row.caption or "" for row in table.rows)
    return Captions(texts, {key: frozenset(each) for key, each in told.items()})


def picture_key(path: Path | str, box: Box | None) -> PictureKey:
    """What tells a picture of a manifest from others, however its path is written."""
    return str(Path(path).absolute()), box


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts that are not empty, each once, in their order."""
    return tuple(dict.fromkeys(text for text in texts if text))


def encode_captions(
    encoder: ImageEncoder,
    texts: Sequence[str],
    templates: Sequence[str],
    progress: Callable[[Progress], None] | None = None,
) -> Float32[np.ndarray, "n dim"]:
    """Unit rows of captions, put into templates; an encoder of your own has its own way.

    Raises:
        UsageError: The encoder knows no texts.
    """
    parts = []
    for start in range(0, len(texts), CAPTIONS_AT_ONCE):
        some = texts[start : start + CAPTIONS_AT_ONCE]
        if isinstance(encoder, FrozenEncoder):
            parts.append(encoder.encode_texts(some, templates=templates))
        else:
            parts.append(encoder.encode_texts(some))
        if progress is not None:
            progress(Progress("captions", start + len(some), len(texts), 0.0))
    rows = np.concatenate(parts)
    if not rows.any():
        raise UsageError(
            f"captions need an encoder that reads texts, and {encoder.name} has features of "
            "pictures alone"
        )
    return rows.astype(np.float32, copy=False)


def _read(source: Path, split: str | None) -> Captions:
    if is_manifest(source):
        return captions_of(read_images(source, labelled=False, split=split), source)
    try:
        lines = regular(source).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"cannot read the captions of {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"expected captions in UTF-8 in {source}, one a line, but byte {error.start + 1} is no "
            "such text; is it a picture? Give a text file, or a manifest with a column caption"
        ) from error
    texts = distinct(line.strip() for line in lines)
    if not texts:
        raise DataError(f"expected captions in {source}, one a line, but it has none")
    return Captions(texts)
