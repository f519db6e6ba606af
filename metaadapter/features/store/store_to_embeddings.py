"""Write a feature store as clip-retrieval writes embeddings, for programs that read its folders."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float16

from metaadapter.data.output_folder import replace_file, require_no_link, write_errors
from metaadapter.data.parquet_file import require_pyarrow
from metaadapter.errors import DataError
from metaadapter.features.store.embedding_folder import FEATURES, METADATA
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.row_table import StoredPicture
from metaadapter.features.store.writer import CHUNK_PICTURES, write_npy_header
from metaadapter.features.views import mean_of_views

# The rows of one part, as many as clip-retrieval writes by default.
PART_ROWS = 1_000_000


def store_to_embeddings(store: FeatureStore, out: Path) -> int:
    """Write the features of each picture, the mean of its views, and return the number of parts.

    `img_emb` has float16, `metadata` the columns `image_path`, `label`, `split` and `group`. There
    is no `text_emb`, which would hold a caption of each picture. The folder appears when it is
    complete.

    Raises:
        DataError: `out` exists and is not empty, or cannot be written.
        MissingPackage: Writing Parquet needs pyarrow.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists already and is not empty; choose a new folder")
    unfinished = out.with_name(f"{out.name}.partial")
    require_no_link(unfinished)
    features, n_parts = store.by_picture(), -(-store.n_pictures // PART_ROWS)
    with write_errors(str(out)):
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (FEATURES, METADATA):
            (unfinished / folder).mkdir(parents=True)
        for number in range(n_parts):
            rows = slice(number * PART_ROWS, (number + 1) * PART_ROWS)
            # Programs sort the files by name, so all numbers are equally long.
            name = f"{number:0{len(str(n_parts))}}"
            for folder, ending, write in (
                (FEATURES, "npy", partial(_write_features, features[rows])),
                (METADATA, "parquet", partial(_write_metadata, store.rows.pictures(rows))),
            ):
                replace_file(unfinished / folder / f"{folder}_{name}.{ending}", write)
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    return n_parts


def _write_features(features: Float16[np.ndarray, "pictures views dim"], file: IO[bytes]) -> None:
    write_npy_header(file, len(features), features.shape[2])
    for start in range(0, len(features), CHUNK_PICTURES):
        means = mean_of_views(features[start : start + CHUNK_PICTURES])
        file.write(means.astype("<f2").tobytes())


def _write_metadata(pictures: Sequence[StoredPicture], file: IO[bytes]) -> None:
    pyarrow = require_pyarrow("writing Parquet")
    # Bytes of a file name that are no text cannot be in Parquet.
    paths = [picture.path.encode(errors="backslashreplace").decode() for picture in pictures]
    columns: dict[str, list[str | None]] = {"image_path": [*paths]}
    for name in ("label", "split", "group"):
        values = [getattr(picture, name) or None for picture in pictures]
        if any(values):
            columns[name] = values
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
