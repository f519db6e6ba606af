"""Write a complete store in one step: new files next to the old ones, then `store.json`.

The features come from encoded pictures, or are arrays from another program.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from numbers import Integral
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float16, Float32

from metaadapter.data.output_folder import replace_file, write_errors
from metaadapter.data.plain_text import is_text
from metaadapter.errors import DataError, UsageError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.logit_scale import read_logit_scale
from metaadapter.features.origin import Origin, Recipe
from metaadapter.features.store.chunks import write_chunk_hashes
from metaadapter.features.store.header import (
    HEADER_FILE,
    OWN_FILES,
    Quarantined,
    StoreHeader,
    features_file,
    hold_folder,
)
from metaadapter.features.store.input_states import InputEntry, write_inputs
from metaadapter.features.store.row_table import StoredPicture, write_rows
from metaadapter.features.views import unit_rows

# The number of pictures in memory at a time.
CHUNK_PICTURES = 8_192

Columns = Mapping[str, Collection[Any] | np.ndarray | None]


def write_store(
    folder: Path,
    header: StoreHeader,
    pictures: Sequence[StoredPicture],
    features: Mapping[str, Float16[np.ndarray, "views dim"]],
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
    inputs: Iterable[InputEntry] = (),
) -> None:
    """Replace the content of a store in one step; a class without a text gets zeros.

    `inputs` are the lines of its table of inputs, if the header counts any.
    """

    def write(file: IO[bytes]) -> None:
        # Not through a memory map: a full disk kills a process that writes through one.
        write_npy_header(file, header.n_rows, header.recipe.fingerprint.dim)
        for start in range(0, len(pictures), CHUNK_PICTURES):
            chunk = pictures[start : start + CHUNK_PICTURES]
            rows = np.stack([features[picture.sha256] for picture in chunk])
            file.write(np.ascontiguousarray(rows, dtype="<f2").tobytes())

    replace_file(folder / features_file(header.generation), write)
    if header.n_inputs is not None:
        replace_file(folder / header.files["inputs"], lambda file: write_inputs(file, inputs))
    _commit(folder, header, pictures, texts)


def create_store(
    folder: Path,
    features: np.ndarray | Iterable[np.ndarray],
    columns: Columns,
    texts: Mapping[Any, np.ndarray] | None,
    encoder: str | ImageEncoder,
    logit_scale: float | None,
    *,
    templates: Sequence[str] = (),
    quarantined: Sequence[Quarantined] = (),
) -> None:
    """Write a store; the arguments and errors are those of `FeatureStore.create`.

    `columns` and `quarantined` are read after the features, so that their reader may fill them.
    """
    if (folder / HEADER_FILE).exists():
        raise UsageError(f"{folder} is a feature store already; choose a new folder")
    batches = _batches(features)
    first = next(batches, None)
    if first is None:
        raise DataError("expected the features of at least one picture, got none")
    n_views, dim = first.shape[1:]
    hashes: list[str] = []

    def write(file: IO[bytes]) -> None:
        write_npy_header(file, 0, dim)
        for batch in chain([first], batches):
            rows = _unit_batch(batch, (n_views, dim), number=len(hashes))
            file.write(rows.tobytes())
            hashes.extend(hashlib.sha256(row.tobytes()).hexdigest() for row in rows)
        file.seek(0)
        write_npy_header(file, len(hashes) * n_views, dim)

    owner = f"the feature store {folder}"
    with hold_folder(folder), write_errors(owner, "Nothing of it is kept."):
        recipe = _recipe(encoder, dim, n_views, logit_scale)
        path = folder / features_file(1)
        replace_file(path, write)
        try:
            pictures = _pictures(hashes, columns)
            unit_texts = _texts(texts, pictures, dim)
        except DataError:
            path.unlink()
            raise
        classes = tuple(sorted({picture.label for picture in pictures if picture.label}))
        header = StoreHeader.of_pictures(
            pictures, recipe, classes, tuple(templates), tuple(quarantined)
        )
        _commit(folder, header, pictures, unit_texts)


def _commit(
    folder: Path,
    header: StoreHeader,
    pictures: Sequence[StoredPicture],
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
) -> None:
    files = header.files
    replace_file(folder / files["rows"], lambda file: write_rows(file, pictures))
    if header.classes:
        zeros = np.zeros(header.recipe.fingerprint.dim, dtype=np.float32)
        text_rows = np.stack([texts.get(name, zeros) for name in header.classes])
        # Saved to memory first, since numpy's own error on a full disk does not name the cause.
        np.save(content := io.BytesIO(), text_rows)
        replace_file(folder / files["texts"], content.getvalue())
    write_chunk_hashes(folder, header)
    header.write(folder)
    tidy_up(folder, header)


def tidy_up(folder: Path, header: StoreHeader) -> None:
    """Remove the files of earlier generations and of killed writers."""
    for path in folder.iterdir():
        if OWN_FILES.fullmatch(path.name) and path.name not in header.files.values():
            # Windows keeps a file that a process has mapped; the next run removes it.
            with suppress(OSError):
                path.unlink()


def write_npy_header(file: IO[bytes], n_rows: int, dim: int) -> None:
    """Write the header of a `.npy` file of float16, which is equally long for any `n_rows`."""
    facts = {"descr": "<f2", "fortran_order": False, "shape": (n_rows, dim)}
    np.lib.format.write_array_header_1_0(file, facts)


def _batches(features: np.ndarray | Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for part in [features] if hasattr(features, "shape") else _read(features):
        batch = np.asarray(part)
        is_real = np.issubdtype(batch.dtype, np.floating)
        if batch.ndim not in (2, 3) or not is_real or 0 in batch.shape[1:]:
            raise DataError(
                "expected features as an array (pictures, width) or (pictures, views, width) of "
                f"floating-point numbers, or batches of them; got {batch.shape} of {batch.dtype}"
            )
        views = batch[:, None] if batch.ndim == 2 else batch
        for start in range(0, len(views), CHUNK_PICTURES):
            yield views[start : start + CHUNK_PICTURES]


def _read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    if not isinstance(batches, Iterable):
        raise DataError(f"expected features as an array or batches of arrays, got {batches!r}")
    try:
        yield from batches
    except OSError as error:  # an error of the user's program, not of writing the store
        raise DataError(f"the batches of features ended with an error: {error}") from error


def _unit_batch(
    batch: np.ndarray, shape: tuple[int, int], number: int
) -> Float16[np.ndarray, "pictures views dim"]:
    if batch.shape[1:] != shape:
        raise DataError(
            f"expected (views, width) = {shape} as in the first batch of features, got "
            f"{batch.shape[1:]} from row {number} on"
        )
    rows = batch.reshape(-1, batch.shape[2]).astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1)
    wrong = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(wrong):
        kind = "zero" if lengths[wrong[0]] == 0 else "not finite"
        raise DataError(
            f"the features of row {number + wrong[0] // batch.shape[1]} are {kind}, as are "
            f"those of {len(wrong) - 1} other rows in its batch; leave such pictures out"
        )
    return unit_rows(rows).reshape(batch.shape).astype("<f2")


def _pictures(hashes: Sequence[str], columns: Columns) -> tuple[StoredPicture, ...]:
    # As lists, since a column of pandas would look a row number up in its index.
    given = {name: list(column) for name, column in columns.items() if column is not None}
    for name, column in given.items():
        if len(column) != len(hashes):
            raise DataError(
                f"expected {len(hashes)} {name}, one for each picture with features; got "
                f"{len(column)}"
            )
    paths = given.get("paths") or [f"picture {row}" for row in range(len(hashes))]
    for row, path in enumerate(paths):
        if not is_text(str(path)):
            raise DataError(f"paths[{row}] is {path!r}, which has half a character; correct it")
    facts = (
        [_entry(name, row, entry) for row, entry in enumerate(given.get(name, [None] * len(paths)))]
        for name in ("labels", "splits", "groups")
    )
    return tuple(map(StoredPicture, map(str, paths), *facts, hashes))


def _entry(column: str, row: int, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | Integral) and is_text(str(value)):
        return str(value)
    raise DataError(
        f"{column}[{row}] is {value!r}; expected text, a whole number, or None if unknown"
    )


def _texts(
    texts: Mapping[Any, np.ndarray] | None, pictures: Sequence[StoredPicture], dim: int
) -> dict[str, Float32[np.ndarray, " dim"]]:
    if texts is None:
        return {}
    given = {str(label): np.asarray(text, dtype=np.float32) for label, text in texts.items()}
    unit_texts: dict[str, np.ndarray] = {}
    for row, picture in enumerate(pictures):
        label = picture.label
        if not label or label in unit_texts:
            continue
        if label not in given:
            raise DataError(
                f"texts has no entry for {label!r}, the label of row {row}; give every label a "
                "text, or leave texts out"
            )
        text = given[label]
        if text.shape != (dim,) or not np.isfinite(text).all() or not text.any():
            raise DataError(
                f"the text of {label!r}, the label of row {row}, should be {dim} finite numbers, "
                f"not all zero, as wide as the features; it has the shape {text.shape}"
            )
        unit_texts[label] = unit_rows(text[None])[0]
    return unit_texts


def _recipe(
    encoder: str | ImageEncoder, dim: int, n_views: int, logit_scale: float | None
) -> Recipe:
    logit_scale = read_logit_scale(logit_scale)
    if isinstance(encoder, str):
        if not is_text(encoder):
            raise DataError(f"the encoder {encoder!r} has half a character; give another name")
        fingerprint = Fingerprint.of_name(encoder, dim)
        origin = Origin(encoder=encoder, fingerprint=fingerprint, n_views=n_views)
        return Recipe(origin, "unknown", logit_scale)
    if encoder.dim != dim:
        raise DataError(
            f"expected features {encoder.dim} wide, as the encoder {encoder.name} computes them, "
            f"got features {dim} wide"
        )
    recipe = Recipe.of(encoder, n_views)
    return recipe if logit_scale is None else replace(recipe, logit_scale=logit_scale)
