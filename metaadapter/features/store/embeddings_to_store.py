"""Make a feature store of embeddings that clip-retrieval has written; no picture is encoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.manifest import COLUMNS
from metaadapter.data.regular_files import is_regular
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.encoding_loop import Progress, encode_pictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.class_texts import encode_class_texts
from metaadapter.features.store.create_store import create_store
from metaadapter.features.store.duplicates import equal_pictures
from metaadapter.features.store.embedding_folder import EmbeddingFolder, read_columns
from metaadapter.features.store.encode_to_store import EncodeReport
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import Quarantined
from metaadapter.features.views import unit_rows

# The column of clip-retrieval's paths.
PATHS = "image_path"
# Pictures that are encoded to see whether the features are of the given encoder; and the least
# cosine between the two features. Half precision costs 0.001, another encoder is below 0.5.
N_COMPARED, LEAST_COSINE = 4, 0.95


def embeddings_to_store(
    folder: EmbeddingFolder,
    encoder: ImageEncoder,
    out: Path,
    *,
    path_column: str | None = None,
    label_column: str | None = None,
    labelled: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[EncodeReport, list[str]]:
    """Create the feature store `out` with the features of a folder; return also its warnings.

    A row that is NaN, infinite, zero or without a path is left out, and recorded like an unreadable
    picture. If some of the first pictures are at their paths, they are encoded and compared.

    Args:
        folder: The embeddings.
        encoder: The encoder that made them, with one look and the joint block alone.
        out: A new or empty folder.
        path_column: The column of the pictures' paths; `image_path`, or as in a manifest, if None.
        label_column: The column of the labels; as in a manifest if None, which may have none.
        labelled: Whether to read labels.
        progress: Called after each chunk of rows.

    Raises:
        DataError: A column is missing, a part is damaged, or no row can be used.
        IncompatibleArtifact: Another encoder made the features.
        UsageError: `out` is a feature store already.
    """
    started = time.monotonic()
    if folder.dim != encoder.dim:
        raise IncompatibleArtifact(
            f"the features in {folder.path} are {folder.dim} wide, but those of the encoder "
            f"{encoder.name} are {encoder.dim} wide; name the encoder that made them: --encoder"
        )
    columns = _columns(folder, path_column, label_column, labelled=labelled)
    warnings = _compare(folder, encoder, columns["paths"])
    if folder.missing:
        numbers = ", ".join(map(str, folder.missing[:10])) + ", …" * (len(folder.missing) > 10)
        warnings.append(f"{folder.path} has no part {numbers}: was a file lost, or a part empty?")
    texts = _texts(folder, encoder, columns.get("labels"))
    facts: dict[str, list[Any]] = {name: [] for name in columns}
    left_out: list[Quarantined] = []
    rows = _usable(folder, columns, facts, left_out, progress)
    create_store(
        out, rows, facts, texts, encoder, None, templates=encoder.templates, quarantined=left_out
    )
    store = FeatureStore.open(out)
    duplicates = equal_pictures(store.rows.pictures())
    report = EncodeReport(
        n_new=0,
        n_reused=store.n_pictures,
        n_removed=0,
        n_total=store.n_pictures,
        n_dropped=0,
        duplicates=duplicates,
        quarantined=tuple(UnreadableImage(path, reason) for path, reason in left_out),
        seconds=time.monotonic() - started,
        images_per_second=0.0,
    )
    return report, warnings


def _columns(
    folder: EmbeddingFolder, paths: str | None, labels: str | None, *, labelled: bool
) -> dict[str, str]:
    """Return the columns to read, by the name of the store's column."""

    def find(given: str | None, *names: str) -> str | None:
        if given is not None and given not in folder.columns:
            raise UsageError(
                f"{folder.path} has no column {given!r}; it has {', '.join(folder.columns)}"
            )
        return given or next((name for name in names if name in folder.columns), None)

    chosen = {
        "paths": find(paths, PATHS, *COLUMNS["path"], "url"),
        "labels": find(labels, *COLUMNS["label"]) if labelled else None,
        "splits": find(None, *COLUMNS["split"]),
        "groups": find(None, *COLUMNS["group"]),
    }
    if chosen["paths"] is None:
        raise DataError(
            f"{folder.path} has no column {PATHS!r} of the pictures' paths, but "
            f"{', '.join(folder.columns)}; choose one of them: --columns PATH"
        )
    return {name: column for name, column in chosen.items() if column is not None}


def _usable(
    folder: EmbeddingFolder,
    columns: dict[str, str],
    facts: dict[str, list[Any]],
    left_out: list[Quarantined],
    progress: Callable[[Progress], None] | None,
) -> Iterator[np.ndarray]:
    """Yield usable features and enter their facts; enter the others in `left_out`."""
    started, done = time.monotonic(), 0
    for part, start, features, entries in folder.read([*columns.values()]):
        rows = features.astype(np.float32)
        lengths = np.linalg.norm(rows, axis=1)
        paths = [_plain(path) for path in entries[columns["paths"]]]
        named = np.array([path not in (None, "") for path in paths], dtype=bool)
        usable = np.isfinite(lengths) & (lengths > 0) & named
        for name, column in columns.items():
            values = [_plain(value) for value in entries[column]]
            facts[name] += [value for value, good in zip(values, usable, strict=True) if good]
        for row in np.flatnonzero(~usable):
            place = f"row {start + row} of {part.file.name}"
            kind = "zero" if lengths[row] == 0 else "not finite"
            reason = f"its feature, {place}, is {kind}" if named[row] else f"{place} has no path"
            left_out.append(Quarantined(str(paths[row] if named[row] else part.metadata), reason))
        done += len(rows)
        if progress is not None:
            rate = done / max(time.monotonic() - started, 1e-9)
            progress(Progress("read", done, len(folder), rate))
        if usable.any():
            yield rows[usable]
    if done == len(left_out):
        raise DataError(
            f"none of the {done} rows in {folder.path} can be used: each is zero, not finite or "
            "without a path"
        )


def _plain(value: Any) -> Any:
    """Return a value of a table of pandas, where numbers become fractions if one is missing."""
    if isinstance(value, float):
        return None if np.isnan(value) else int(value) if value.is_integer() else str(value)
    return value


def _texts(
    folder: EmbeddingFolder, encoder: ImageEncoder, column: str | None
) -> dict[str, np.ndarray] | None:
    """Return the text feature of each class; None without labels or a text tower."""
    if column is None:
        return None
    labels: dict[str, None] = {}
    for part in folder.parts:
        for facts in read_columns(part.metadata, [column]):
            values = map(_plain, facts[column])
            labels |= dict.fromkeys(str(label) for label in values if label not in (None, ""))
    texts = encode_class_texts(encoder, sorted(labels), {})
    return texts if all(text.any() for text in texts.values()) else None


def _compare(folder: EmbeddingFolder, encoder: ImageEncoder, column: str) -> list[str]:
    """Raise `IncompatibleArtifact` if the encoder computes other features for the first pictures.

    Return a warning if none of these pictures is at its path.
    """
    _, _, features, facts = next(folder.read([column]))
    paths = [Path(str(path)) for path in facts[column]]
    numbers = [number for number, path in enumerate(paths) if is_regular(path)][:N_COMPARED]
    cosines = _cosines(encoder, [paths[number] for number in numbers], features[numbers])
    if not len(cosines):
        return [
            "no picture was found at its path, so nothing shows that the encoder "
            f"{encoder.name} made these features"
        ]
    # The middle one, for clip-retrieval does not turn a picture upright, and a picture may change.
    if (middle := float(np.median(cosines))) < LEAST_COSINE:
        raise IncompatibleArtifact(
            f"the encoder {encoder.name} computes other features for {paths[numbers[0]]} than "
            f"{folder.path} holds (cosine {middle:.2f}); name the encoder that made them: --encoder"
        )
    return []


def _cosines(encoder: ImageEncoder, paths: Sequence[Path], features: np.ndarray) -> np.ndarray:
    if not paths:
        return np.empty(0)
    ours, contents = encode_pictures(paths, encoder, views=1, seed=0, on_error="skip")
    readable = [isinstance(content, str) for content in contents]
    theirs = features[readable].astype(np.float32)
    cosines: np.ndarray = np.sum(ours * unit_rows(theirs), axis=1)
    return np.compress(np.isfinite(cosines), cosines)
