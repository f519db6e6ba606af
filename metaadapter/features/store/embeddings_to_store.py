"""Make a feature store of embeddings that clip-retrieval has written; no picture is encoded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.manifest import COLUMNS
from metaadapter.data.progress import meter
from metaadapter.data.regular_files import is_regular
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.encoding_loop import encode_pictures
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.class_texts import encode_class_texts
from metaadapter.features.store.create_store import create_store
from metaadapter.features.store.embedding_folder import EmbeddingFolder
from metaadapter.features.store.encode_to_store import EncodeReport
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import Quarantined
from metaadapter.features.store.stored_pictures import equal_pictures
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
    columns = _chosen(folder, path_column, label_column, labelled=labelled)
    warnings = _compare(folder, encoder, columns["paths"])
    if folder.missing:
        numbers = ", ".join(map(str, folder.missing[:10])) + ", …" * (len(folder.missing) > 10)
        warnings.append(f"{folder.path} has no part {numbers}: was a file lost, or a part empty?")
    facts: dict[str, list[Any]] = {name: [] for name in columns}
    left_out: list[Quarantined] = []
    create_store(
        out,
        _usable(folder, columns, facts, left_out),
        facts,
        _texts(folder, encoder, columns.get("labels")),
        encoder,
        None,
        templates=encoder.templates,
        quarantined=left_out,
    )
    store = FeatureStore.open(out)
    report = EncodeReport(
        n_new=0,
        n_reused=store.n_pictures,
        n_removed=0,
        n_total=store.n_pictures,
        n_dropped=0,
        duplicates=equal_pictures(store.rows.pictures()),
        quarantined=tuple(UnreadableImage(path, reason) for path, reason in left_out),
        seconds=time.monotonic() - started,
        images_per_second=0.0,
    )
    return report, warnings


def _chosen(
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
) -> Iterator[np.ndarray]:
    """Yield usable features and enter their facts; enter the others in `left_out`."""
    advance = meter("read", folder.n_rows)
    for part, start, features, entries in folder.read([*columns.values()]):
        rows = features.astype(np.float32)
        lengths = np.linalg.norm(rows, axis=1)
        named = np.array([path not in (None, "") for path in entries[0]], dtype=bool)
        usable = np.isfinite(lengths) & (lengths > 0) & named
        for name, values in zip(columns, entries, strict=True):
            facts[name] += [value for value, good in zip(values, usable, strict=True) if good]
        for row in np.flatnonzero(~usable):
            place = f"row {start + row} of {part.file.name}"
            kind = "zero" if lengths[row] == 0 else "not finite"
            reason = f"its feature, {place}, is {kind}" if named[row] else f"{place} has no path"
            left_out.append(Quarantined(str(entries[0][row] or part.metadata), reason))
        advance(len(rows))
        if usable.any():
            yield rows[usable]
    if folder.n_rows == len(left_out):
        raise DataError(
            f"none of the {folder.n_rows} rows in {folder.path} can be used: each is zero, not "
            "finite or without a path"
        )


def _texts(
    folder: EmbeddingFolder, encoder: ImageEncoder, column: str | None
) -> dict[str, np.ndarray] | None:
    """Return the text feature of each class; None without labels or a text tower."""
    if column is None:
        return None
    labels = {str(one) for *_, (some,) in folder.read([column]) for one in some if one is not None}
    texts = encode_class_texts(encoder, sorted(labels - {""}), {})
    return texts if all(text.any() for text in texts.values()) else None


def _compare(folder: EmbeddingFolder, encoder: ImageEncoder, column: str) -> list[str]:
    """Raise `IncompatibleArtifact` if the encoder computes other features for the first pictures.

    Return a warning if none of these pictures is at its path.
    """
    _, _, features, (paths,) = next(folder.read([column]))
    at_place = [n for n, path in enumerate(paths) if is_regular(Path(str(path)))][:N_COMPARED]
    ours, contents = encode_pictures([Path(str(paths[n])) for n in at_place], Pipeline(encoder))
    readable = [isinstance(content, str) for content in contents]
    theirs = unit_rows(features[at_place][readable].astype(np.float32))
    cosines = np.sum(ours * theirs, axis=1)
    cosines = cosines[np.isfinite(cosines)]
    if not len(cosines):
        return [
            "no picture was found at its path, so nothing shows that the encoder "
            f"{encoder.name} made these features"
        ]
    # The middle one, for clip-retrieval does not turn a picture upright, and a picture may change.
    if (middle := float(np.median(cosines))) < LEAST_COSINE:
        raise IncompatibleArtifact(
            f"the encoder {encoder.name} computes other features for {paths[at_place[0]]} than "
            f"{folder.path} holds (cosine {middle:.2f}); name the encoder that made them: --encoder"
        )
    return []
