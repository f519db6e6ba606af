"""`store.json`, the facts about a feature store; a store changes when this file is replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from metaadapter.errors import DataError
from metaadapter.features.origin import Recipe
from metaadapter.files.checksums import Proof, read_document, write_document
from metaadapter.files.output_folder import hold_lock, require_own_or_empty, write_errors
from metaadapter.files.strict_json import wrong_values

REMEDY = "restore it from a copy, or run the same `metaadapter encode` with a new --out"
HEADER_FILE = "store.json"
UNFINISHED_FOLDER = ".partial"
LOCK_FILE = ".lock"
# The names of `StoreHeader.files`, also unfinished; other files such as features-2021.csv stay.
OWN_FILES = re.compile(r"((features|texts)-\d{4,}\.npy|pictures-\d{4,}\.arrow)(\.tmp)?", re.ASCII)
SCHEMA = "metaadapter.store/1"


class Quarantined(NamedTuple):
    """A picture that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreHeader:
    """The facts about a store; its file names contain the generation, a number from 1.

    `counts` has the number of pictures of each label. `shard` is (i, n) if the store has part i of
    n of its source, and `listing` is then the `listing_digest` of the whole source.
    """

    recipe: Recipe
    n_pictures: int
    counts: dict[str, int]
    classes: tuple[str, ...]
    templates: tuple[str, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    shard: tuple[int, int] | None = None
    listing: str | None = None
    generation: Annotated[int, Field(ge=0, le=10**9)] = 1

    @property
    def files(self) -> dict[str, str]:
        """File names by content: "features", "pictures", and "texts" if there are classes."""
        number = f"{self.generation:04d}"
        names = {"features": f"features-{number}.npy", "pictures": f"pictures-{number}.arrow"}
        return names | ({"texts": f"texts-{number}.npy"} if self.classes else {})

    @property
    def n_rows(self) -> int:
        """The number of rows of features, one for each view of each picture."""
        return self.n_pictures * self.recipe.n_views

    def write(self, folder: Path) -> None:
        """Replace `store.json`, with the hashes of the other files, in one step."""
        values = {
            "schema": SCHEMA,
            "metaadapter": version("metaadapter"),
            **self.recipe.model_dump(),
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
            return TypeAdapter(cls).validate_python({**values, "recipe": values}), proof
        except ValidationError as error:
            raise DataError(f"{path}: {wrong_values(error)}; {REMEDY}") from None


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


def _missing(folder: Path) -> str:
    if not folder.is_dir():
        return f"there is no feature store {folder}; make one with `metaadapter encode`"
    if (folder / UNFINISHED_FOLDER).is_dir() or _is_unfinished(folder):
        return (
            f"{folder} is not a feature store yet: the command that makes it is running or was "
            "interrupted. Run the same command again; it continues where it stopped"
        )
    return (
        f"{folder} is not a feature store: it has no {HEADER_FILE}; make one with `metaadapter "
        "encode IMAGES --out STORE`"
    )
