"""The features of a set of pictures on disk, read through a memory map."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
from jaxtyping import Float16, Float32, Shaped

from metaadapter.data.checksums import Proof, file_hash
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.header import StoreHeader
from metaadapter.features.store.row_table import REMEDY, StoreRows
from metaadapter.features.store.writer import create_store
from metaadapter.features.views import look_widths, mean_of_views

# The rounding error of the length of features in half precision.
MAX_LENGTH_ERROR = 0.01
CHUNK_ROWS = 16_384

Column: TypeAlias = Collection[Any] | np.ndarray


@final
@dataclass(frozen=True, eq=False)
class FeatureStore:
    """Unit features of pictures, with a table of their labels.

    Attributes:
        folder: The folder of the store.
        header: The contents of `store.json`.
        proof: The hashes of the other files; None in a store of an earlier version.
        rows: Aligned columns `picture`, `view`, `path`, `label`, `split`, `group`, `sha256`.
        texts: One unit row per name in `classes`, zeros for a class without a text; None if the
            pictures have no labels.
    """

    folder: Path
    header: StoreHeader
    proof: Proof | None
    rows: StoreRows
    texts: Float32[np.ndarray, "classes dim"] | None
    _unchecked: Float16[np.ndarray, "rows dim"]

    @cached_property
    def features(self) -> Float16[np.ndarray, "rows dim"]:
        """One unit row per picture and view, read from disk when used, read-only.

        The first use reads all rows once, to check them.

        Raises:
            DataError: The features are damaged, or not of length 1.
        """
        if self.proof is not None:
            self.proof.find(self.header.files["features"])
        for start in range(0, len(self._unchecked), CHUNK_ROWS):
            chunk = self._unchecked[start : start + CHUNK_ROWS]
            _require_unit_rows(self.folder / self.header.files["features"], chunk, start)
        return self._unchecked

    @classmethod
    def open(cls, folder: Path | str) -> FeatureStore:
        """Open a store that `encode_to_store` or `metaadapter encode` has completed.

        Raises:
            DataError: There is no complete store, or a file of it is missing or damaged.
            IncompatibleArtifact: A later version wrote the store.
        """
        folder = Path(folder)
        header, proof = StoreHeader.read(folder)
        while True:
            try:
                return cls._read(folder, header, proof)
            except DataError:
                # A run that has just ended may have replaced the files that the header names.
                newer, proof = StoreHeader.read(folder)
                if newer.generation == header.generation:
                    raise
                header = newer

    @classmethod
    def create(
        cls,
        folder: Path | str,
        features: np.ndarray | Iterable[np.ndarray],
        labels: Column | None = None,
        *,
        texts: Mapping[Any, np.ndarray] | None = None,
        groups: Column | None = None,
        splits: Column | None = None,
        paths: Column | None = None,
        encoder: str | ImageEncoder = "own features",
        logit_scale: float | None = None,
    ) -> FeatureStore:
        """Create a store of features from elsewhere, which every command accepts, and open it.

        Such a store identifies a picture by a hash of its features instead of its file: pictures of
        equal features count as the same picture in the checks of an evaluation.

        Args:
            folder: A new or empty folder.
            features: One row for each picture, (n, D), or for each view, (n, V, D), the whole
                picture first; or an iterable of such batches, which need not fit in memory. Rows
                are scaled to length 1 and stored as float16.
            labels: The class of each picture; None for pictures without a class.
            texts: A text feature (D,) from the same encoder for every label, by label; it is scaled
                to length 1. None without texts.
            groups: Pictures of one group (a burst, a patient) stay on one side of a split.
            splits: The split of each picture, for instance "train" or "test".
            paths: The name of each picture; "picture 0", "picture 1", … if None.
            encoder: The encoder that made the features, or any name for it. Stores of the same name
                and width count as features of the same encoder.
            logit_scale: The inverse temperature: logits are this times the cosine. If None, that of
                `encoder`, which is unknown if `encoder` is a name.

        Raises:
            DataError: A row has another width, is not finite or is zero; a column has another
                length; a label has no text; the folder has other files or cannot be written.
            UsageError: The folder is a feature store already.
        """
        columns = {"labels": labels, "groups": groups, "splits": splits, "paths": paths}
        create_store(Path(folder), features, columns, texts, encoder, logit_scale)
        return cls.open(folder)

    @classmethod
    def _read(cls, folder: Path, header: StoreHeader, proof: Proof | None) -> FeatureStore:
        paths = {content: folder / name for content, name in header.files.items()}
        if proof is not None:
            paths |= {
                content: proof.find(path.name)
                for content, path in paths.items()
                if content != "features"
            }
        try:
            rows = StoreRows.read(paths["rows"])
        except OSError as error:
            raise _damaged(folder, str(error)) from error
        features = _load(paths["features"], folder, np.float16)
        texts = _load(paths["texts"], folder, np.float32) if header.classes else None
        dim, n_rows, n_classes = header.recipe.fingerprint.dim, header.n_rows, len(header.classes)
        names, n_views = header.files, header.recipe.origin.n_views
        fault = ""
        if (*features.shape, len(rows)) != (n_rows, dim, n_rows):
            fault = (
                f"{n_rows} rows of {dim} numbers, but {names['rows']} has {len(rows)} rows, and "
                f"{names['features']} is {features.shape}"
            )
        elif n_rows % n_views or not rows.has_views(n_views):
            fault = f"{n_views} views of each picture, but {names['rows']} has others"
        elif texts is not None and texts.shape != (n_classes, dim):
            fault = f"{n_classes} classes, texts {dim} wide, but {names['texts']} is {texts.shape}"
        if fault:
            raise _damaged(folder, f"store.json says it has {fault}")
        if texts is not None:
            texts = np.array(texts)
            _require_unit_rows(paths["texts"], texts, zeros=True)
        return cls(folder, header, proof, rows, texts, features)

    @property
    def encoder(self) -> str:
        """The name of the encoder, as `load_encoder` takes it."""
        return str(self.origin.encoder)

    @property
    def origin(self) -> Origin:
        """The encoder and the views of the features."""
        return self.header.recipe.origin

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of the encoder."""
        return self.header.recipe.fingerprint

    @property
    def logit_scale(self) -> float | None:
        """The encoder's inverse temperature: logits are this times the cosine; None if unknown."""
        return self.header.recipe.logit_scale

    @property
    def blocks(self) -> tuple[int, ...]:
        """The widths of the blocks of a feature, look by look; () for a single block."""
        origin = self.origin
        return look_widths(self.fingerprint.dim, origin.zoom, tuple(origin.blocks.values()))

    @property
    def n_views(self) -> int:
        """The number of rows per picture."""
        return self.origin.n_views

    @property
    def n_pictures(self) -> int:
        """The number of pictures in the store."""
        return self.header.n_rows // self.n_views

    @property
    def classes(self) -> tuple[str, ...]:
        """Sorted names of the classes; empty if the pictures have no labels."""
        return self.header.classes

    @cached_property
    def identity(self) -> str:
        """A hash of all that results depend on (features, labels, texts): 16 hexadecimal digits."""
        file = self.header.files["features"]
        features = self.proof.files[file] if self.proof else file_hash(self.folder / file)
        digest = hashlib.sha256(f"{self.fingerprint.digest} {features}".encode())
        for column in (self.rows.sha256, self.rows.label, self.rows.split):
            digest.update("\n".join(column).encode(errors="surrogateescape"))
        digest.update(b"" if self.texts is None else self.texts.tobytes())
        return digest.hexdigest()[:16]

    def by_picture(self) -> Float16[np.ndarray, "pictures views dim"]:
        """Return the features, kept on disk, with an axis of pictures and an axis of views."""
        return self.features.reshape(self.n_pictures, self.n_views, -1)

    def by_content(self) -> dict[str, Float16[np.ndarray, "views dim"]]:
        """Return the features of each picture, kept on disk, by content hash."""
        hashes = self.rows.sha256[self.rows.view == 0]
        return dict(zip(hashes, np.asarray(self.by_picture()), strict=True))

    def class_texts(self) -> dict[str, Float32[np.ndarray, " dim"]]:
        """Return the text feature of each class that has one, for `MetaAdapterClassifier`."""
        if self.texts is None:
            return {}
        pairs = zip(self.classes, self.texts, strict=True)
        return {name: text for name, text in pairs if text.any()}

    def mean_features(
        self,
    ) -> tuple[Float32[np.ndarray, "pictures dim"], Shaped[np.ndarray, " pictures"]]:
        """Return for each picture a unit row, the mean of its views, and its label or ""."""
        means = mean_of_views(self.by_picture())
        return means, self.rows.label[self.rows.view == 0].astype(str)


def _load(file: Path, folder: Path, kind: type[np.floating[Any]]) -> np.ndarray:
    """Open an array as a memory map: its header may declare more than the memory holds."""
    try:
        array: np.ndarray = np.load(regular(file), mmap_mode="r", allow_pickle=False)
        if array.dtype != kind:
            raise ValueError(f"expected {kind.__name__}, found {array.dtype}")
    except Exception as error:  # numpy parses the header as Python, which may raise any error
        if is_shortage(error):
            raise
        raise _damaged(folder, f"{file.name} is no array of numpy ({error})") from error
    return array


def _require_unit_rows(
    file: Path, rows: np.ndarray, start: int = 0, *, zeros: bool = False
) -> None:
    lengths = np.linalg.norm(rows.astype(np.float32), axis=1)
    # Written with <, which is false for NaN, so that a row with NaN is wrong.
    is_right = (abs(lengths - 1) < MAX_LENGTH_ERROR) | (zeros & (lengths == 0))
    if not is_right.all():
        row = int(np.flatnonzero(~is_right)[0])
        raise DataError(
            f"row {start + row} of {file} should be a vector of length 1, but has length "
            f"{lengths[row]}; {REMEDY}"
        )


def _damaged(folder: Path, reason: str) -> DataError:
    return DataError(f"the feature store {folder} is damaged: {reason}. To continue, {REMEDY}")
