"""`store.json`, the facts about a feature store; a store changes when this file is replaced."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from metaadapter.data.checksums import Proof, read_document, write_document
from metaadapter.data.output_folder import hold_lock, require_own_or_empty, write_errors
from metaadapter.errors import DataError
from metaadapter.features.origin import Recipe
from metaadapter.features.store.row_table import REMEDY, StoredPicture

HEADER_FILE = "store.json"
CACHE_FOLDER = ".partial"
LOCK_FILE = ".lock"
# The names of `StoreHeader.files`, also unfinished; other files such as features-2021.csv stay.
OWN_FILES = re.compile(
    r"((features|texts|chunks)-\d{4,}\.npy|rows-\d{4,}\.npz|inputs-\d{4,}\.csv)(\.tmp)?",
    re.ASCII,
)
SCHEMA = "metaadapter.store/1"

Value = TypeVar("Value")


class Quarantined(NamedTuple):
    """A picture that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreHeader:
    """The facts about a store; its file names contain the generation, a number from 1.

    `shard` is (i, n) if the store has part i of n of its source, and `listing` is then the
    `listing_digest` of the whole source. `n_inputs` counts the lines of its table of inputs; None
    without such a table.
    """

    recipe: Recipe
    generation: Annotated[int, Field(ge=0, le=10**9)]
    n_rows: int
    counts: dict[str, int]
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]
    shard: tuple[int, int] | None = None
    n_inputs: int | None = None
    listing: str | None = None

    @classmethod
    def of_pictures(
        cls,
        pictures: Sequence[StoredPicture],
        recipe: Recipe,
        classes: tuple[str, ...],
        templates: tuple[str, ...] = (),
        quarantined: tuple[Quarantined, ...] = (),
        *,
        shard: tuple[int, int] | None = None,
        n_inputs: int | None = None,
        listing: str | None = None,
    ) -> StoreHeader:
        """Return the header of a new store with these pictures."""
        n_rows = len(pictures) * recipe.origin.n_views
        labels = Counter(picture.label for picture in pictures if picture.label)
        counts = dict(sorted(labels.items()))
        return cls(
            recipe,
            1,
            n_rows,
            counts,
            classes,
            templates,
            quarantined,
            shard=shard,
            n_inputs=n_inputs,
            listing=listing,
        )

    @property
    def files(self) -> dict[str, str]:
        """File names by content: "features", "rows", "chunks", and "texts" if there are classes."""
        number = f"{self.generation:04d}"
        names = {
            "features": features_file(self.generation),
            "rows": f"rows-{number}.npz",
            "chunks": f"chunks-{number}.npy",
        }
        if self.n_inputs is not None:
            names |= {"inputs": f"inputs-{number}.csv"}
        return names | ({"texts": f"texts-{number}.npy"} if self.classes else {})

    @property
    def n_pictures(self) -> int:
        """The number of pictures in the store."""
        return self.n_rows // self.recipe.origin.n_views

    def write(self, folder: Path) -> None:
        """Replace `store.json`, with the hashes of the other files, in one step."""
        values = {
            "schema": SCHEMA,
            "metaadapter": version("metaadapter"),
            **self.recipe.entries(),
            "dim": self.recipe.fingerprint.dim,
            "dtype": "float16",
            "unit_rows": True,
            "generation": self.generation,
            "files": self.files,
            "n_rows": self.n_rows,
            "n_pictures": self.n_pictures,
            "counts": self.counts,
            "classes": self.classes,
            "templates": self.templates,
            "shard": self.shard,
            "listing": self.listing,
            "n_inputs": self.n_inputs,
            "quarantined": [entry._asdict() for entry in self.quarantined],
        }
        write_document(folder / HEADER_FILE, values, files=self.files.values())

    @classmethod
    def read(cls, folder: Path) -> tuple[StoreHeader, Proof]:
        """Return `store.json` and the other files' hashes."""
        path = folder / HEADER_FILE
        if not path.is_file():
            raise DataError(_missing(folder))
        values, proof = read_document(path, SCHEMA, REMEDY)
        try:
            return read_entries(cls, {**values, "recipe": {**values, "origin": values}}), proof
        except ValueError as error:
            raise DataError(f"an entry of {path} cannot be read: {error}; {REMEDY}") from error


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Create a store's folder if it is missing, and lock it until the block or process ends."""
    with write_errors(f"the feature store {folder}", "Nothing was changed."):
        folder.mkdir(parents=True, exist_ok=True)
        if not _is_unfinished(folder):
            require_own_or_empty(folder, (HEADER_FILE,), "feature store")
    with hold_lock(folder / LOCK_FILE, f"the feature store {folder}"):
        yield


def _is_unfinished(folder: Path) -> bool:
    """Return whether a folder has only files of a first run that was killed while it wrote them."""
    names = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    return (folder / LOCK_FILE).exists() and all(map(OWN_FILES.fullmatch, names))


def features_file(generation: int) -> str:
    """Return the name of the file of features."""
    return f"features-{generation:04d}.npy"


def read_entries(kind: type[Value], values: Any) -> Value:
    """Read a dataclass from a JSON object; ignore unknown keys; `ValueError` for wrong values."""
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise ValueError(", ".join(map(_fault, error.errors()))) from None


def _fault(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    fault = "missing" if error["type"] == "missing" else "of the wrong kind"
    return f"{'.'.join(map(str, error['loc']))} is {fault}"


# The beginnings of the names of a store's files.
PARTS = ("features-", "rows-", "chunks-", "texts-", "inputs-")
MOST_NAMED = 3


def _missing(folder: Path) -> str:
    if not folder.is_dir():
        return f"there is no feature store {folder}; make one with `metaadapter encode`"
    if (folder / CACHE_FOLDER).is_dir():
        return (
            f"the feature store {folder} is not finished: its `metaadapter encode` is running or "
            "was interrupted. Run the same command again; it continues where it stopped"
        )
    fault = f"{folder} has no {HEADER_FILE}, so it is not a feature store"
    others = sorted(p.name for p in folder.iterdir() if not p.name.startswith((".", *PARTS)))
    if others:
        more = ", …" if len(others) > MOST_NAMED else ""
        return f"{fault}: it holds {', '.join(others[:MOST_NAMED])}{more}; name a feature store"
    if (folder / LOCK_FILE).exists():
        return f"{fault} yet: the command that makes it has not finished; run that command again"
    return f"{fault}; make one with `metaadapter encode IMAGES --out STORE`"
