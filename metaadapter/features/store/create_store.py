"""Make a store of features that another program has computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32

from metaadapter.errors import DataError, UsageError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.logit_scale import read_logit_scale
from metaadapter.features.origin import Recipe
from metaadapter.features.store.header import HEADER_FILE, StoreHeader, hold_folder
from metaadapter.features.store.picture_facts import PictureFacts
from metaadapter.features.store.picture_table import label_counts, table_of
from metaadapter.features.store.writer import CHUNK_PICTURES, commit, write_features
from metaadapter.features.views import unit_rows
from metaadapter.files.checksums import content_hash
from metaadapter.files.output_folder import write_errors
from metaadapter.files.plain_text import is_text

Columns = Mapping[str, Collection[Any] | np.ndarray | None]


def create_store(
    folder: Path,
    features: np.ndarray | Iterable[np.ndarray],
    columns: Columns,
    texts: Mapping[Any, np.ndarray] | None,
    encoder: str | ImageEncoder,
    logit_scale: float | None,
) -> None:
    """Write a store; the arguments and errors are those of `FeatureStore.create`."""
    if (folder / HEADER_FILE).exists():
        raise UsageError(f"{folder} is a feature store already; choose a new folder")
    hashes: list[str] = []
    owner = f"the feature store {folder}"
    with hold_folder(folder), write_errors(owner, "Nothing of it is kept."):
        path = folder / "features-0001.npy"
        try:
            n_views, dim = write_features(path, _unit_batches(features, hashes), 0)
            recipe = _recipe(encoder, dim, n_views, logit_scale)
            table = table_of(_pictures(hashes, columns))
            counts = label_counts(table)
            unit_texts = _texts(texts, counts, dim)
        except DataError:
            path.unlink(missing_ok=True)
            raise
        header = StoreHeader(recipe, len(table), counts, tuple(counts))
        commit(folder, header, table, unit_texts)


def _unit_batches(
    features: np.ndarray | Iterable[np.ndarray], hashes: list[str]
) -> Iterator[Float16[np.ndarray, "some views dim"]]:
    """Yield unit rows of given features, and enter the hash of each picture."""
    shape: tuple[int, ...] = ()
    for part in [features] if hasattr(features, "shape") else features:
        batch = np.asarray(part)
        is_real = np.issubdtype(batch.dtype, np.floating)
        if batch.ndim not in (2, 3) or not is_real or 0 in batch.shape[1:]:
            raise DataError(
                "expected features as an array (pictures, width) or (pictures, views, width) of "
                f"floating-point numbers, or batches of them; got {batch.shape} of {batch.dtype}"
            )
        views = batch[:, None] if batch.ndim == 2 else batch
        shape = shape or views.shape[1:]
        if views.shape[1:] != shape:
            raise DataError(
                f"expected (views, width) = {shape} as in the first batch of features, got "
                f"{views.shape[1:]} from row {len(hashes)} on"
            )
        for start in range(0, len(views), CHUNK_PICTURES):
            some = views[start : start + CHUNK_PICTURES]
            with np.errstate(invalid="ignore"):  # rows that are not finite are refused below
                rows = unit_rows(some.reshape(-1, shape[1]).astype(np.float32))
            rows = rows.reshape(some.shape).astype("<f2")
            hashes.extend(content_hash(row.data) for row in rows)
            yield rows
    if not hashes:
        raise DataError("expected the features of at least one picture, got none")


def _pictures(hashes: Sequence[str], columns: Columns) -> tuple[PictureFacts, ...]:
    facts = list[list[str]]()
    for name in ("paths", "labels", "splits", "groups"):
        values = columns.get(name)
        if values is None:
            values = [f"picture {row}" if name == "paths" else None for row in range(len(hashes))]
        facts.append([_entry(name, row, value) for row, value in enumerate(values)])
        if len(facts[-1]) != len(hashes):
            raise DataError(
                f"expected {len(hashes)} {name}, one for each picture with features; got "
                f"{len(facts[-1])}"
            )
    return tuple(map(PictureFacts, *facts, hashes))


def _entry(column: str, row: int, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | Path | Integral) and is_text(str(value)):
        return str(value)
    raise DataError(
        f"{column}[{row}] is {value!r}; expected text without half characters, a whole number, or "
        "None if unknown"
    )


def _texts(
    texts: Mapping[Any, np.ndarray] | None, labels: Collection[str], dim: int
) -> dict[str, Float32[np.ndarray, " dim"]]:
    if texts is None:
        return {}
    given = {str(label): np.asarray(text, dtype=np.float32) for label, text in texts.items()}
    for label in labels:
        text = given.get(label, np.empty(0))
        if text.shape != (dim,) or not np.isfinite(text).all() or not text.any():
            raise DataError(
                f"expected {dim} finite numbers, not all zero, as the text of the label {label!r}, "
                f"got {text.shape}; give every label a text, or leave texts out"
            )
    return {label: unit_rows(given[label][None])[0] for label in labels}


def _recipe(
    encoder: str | ImageEncoder, dim: int, n_views: int, logit_scale: float | None
) -> Recipe:
    logit_scale = read_logit_scale(logit_scale)
    if isinstance(encoder, str):
        named: dict[str, Any] = {
            "encoder": encoder,
            "fingerprint": Fingerprint.of_name(encoder, dim),
        }
        return Recipe(**named, n_views=n_views, precision="unknown", logit_scale=logit_scale)
    if encoder.dim != dim:
        raise DataError(
            f"expected features {encoder.dim} wide, as the encoder {encoder.name} computes them, "
            f"got features {dim} wide"
        )
    recipe = Recipe.of(encoder, n_views)
    return recipe.model_copy(update={"logit_scale": logit_scale or recipe.logit_scale})
