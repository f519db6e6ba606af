"""Write a feature store as clip-retrieval writes embeddings, for programs that read its folders."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from metaadapter.data.output_folder import replace_file, require_no_link, write_errors
from metaadapter.errors import DataError
from metaadapter.features.store.embedding_folder import FEATURES, METADATA
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.writer import CHUNK_PICTURES, write_rows
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
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists already and is not empty; choose a new folder")
    unfinished = out.with_name(f"{out.name}.partial")
    require_no_link(unfinished)
    n_parts = -(-store.n_pictures // PART_ROWS)
    with write_errors(str(out)):
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (FEATURES, METADATA):
            (unfinished / folder).mkdir(parents=True)
        for number in range(n_parts):
            first, end = number * PART_ROWS, min((number + 1) * PART_ROWS, store.n_pictures)
            # Programs sort the files by name, so all numbers are equally long.
            name = f"{number:0{len(str(n_parts))}}"
            means = (
                mean_of_views(store.by_picture()[start : min(start + CHUNK_PICTURES, end)])
                for start in range(first, end, CHUNK_PICTURES)
            )
            write_rows(
                unfinished / FEATURES / f"{FEATURES}_{name}.npy", means, store.fingerprint.dim
            )
            table = _metadata(store, slice(first, end))
            write = partial(pyarrow.parquet.write_table, table)
            replace_file(unfinished / METADATA / f"{METADATA}_{name}.parquet", write)
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    return n_parts


def _metadata(store: FeatureStore, some: slice) -> pa.Table:
    # Bytes of a file name that are no text cannot be in a column of texts.
    columns: dict[str, list[str | None]] = {
        name: [text.encode(errors="backslashreplace").decode() or None for text in texts]
        for name in ("path", "label", "split", "group")
        if any(texts := store.rows.of_pictures(name, some))
    }
    return pa.table(
        {"image_path" if name == "path" else name: column for name, column in columns.items()}
    )
