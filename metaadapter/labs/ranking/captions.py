"""The captions of a ranking: lines of a text file, a column of a manifest, or given texts."""

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
    """Different captions, in the order in which they were read."""

    texts: tuple[str, ...]
    of_pictures: Mapping[PictureKey, frozenset[str]] = field(default_factory=dict)
    """The captions of each picture of a manifest, by its absolute path and box."""


def list_captions(
    pictures: Path, source: Path | None, given: Sequence[str] | None, *, split: str | None = None
) -> Captions:
    """Read the captions to compare pictures with.

    Args:
        pictures: The source of the pictures; a manifest with captions if there is no other source.
        source: A manifest with a column caption, or a text file with one caption a line.
        given: The captions themselves, in place of a source.
        split: The split of a manifest to read; by default the whole manifest.

    Raises:
        DataError: A file is missing, cannot be read, or has no caption.
        UsageError: There are no captions.
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
            "one caption a line, or --text, or a manifest with a column caption"
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
            f"{source} has none for {', '.join(empty[:MAX_NAMED])}{more}; add a column caption"
        )
    of_pictures: dict[PictureKey, set[str]] = {}
    for row in table.rows:
        of_pictures.setdefault(picture_key(row.path, row.box), set()).add(row.caption or "")
    texts = distinct(row.caption or "" for row in table.rows)
    return Captions(texts, {key: frozenset(captions) for key, captions in of_pictures.items()})


def picture_key(path: Path | str, box: Box | None) -> PictureKey:
    """The identity of a picture of a manifest, however its path is written."""
    return str(Path(path).absolute()), box


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts that are not empty, without repetitions, in their order."""
    return tuple(dict.fromkeys(text for text in texts if text))


def encode_captions(
    encoder: ImageEncoder,
    texts: Sequence[str],
    templates: Sequence[str],
    progress: Callable[[Progress], None] | None = None,
) -> Float32[np.ndarray, "n dim"]:
    """Unit rows of captions put into templates; an encoder of the user's own has no templates.

    Raises:
        UsageError: The encoder reads no texts.
    """
    parts = []
    for start in range(0, len(texts), CAPTIONS_AT_ONCE):
        batch = texts[start : start + CAPTIONS_AT_ONCE]
        if isinstance(encoder, FrozenEncoder):
            parts.append(encoder.encode_texts(batch, templates=templates))
        else:
            parts.append(encoder.encode_texts(batch))
        if progress is not None:
            progress(Progress("captions", start + len(batch), len(texts), 0.0))
    rows = np.concatenate(parts)
    if not rows.any():
        raise UsageError(
            f"captions need an encoder that reads texts, and {encoder.name} reads only pictures"
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
            f"expected captions in UTF-8 in {source}, one a line, but byte {error.start + 1} is "
            "not UTF-8; is it a picture? Give a text file, or a manifest with a column caption"
        ) from error
    texts = distinct(line.strip() for line in lines)
    if not texts:
        raise DataError(f"expected captions in {source}, one a line, but it has none")
    return Captions(texts)
