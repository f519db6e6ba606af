"""`store.json`: what a feature store holds. Replacing it is the one moment a store changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from metaadapter.atomic_files import replace_file
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.json_entries import read_entries
from metaadapter.features.store.folder import HEADER_FILE, JOURNAL_FOLDER, LOCK_FILE, REMEDY
from metaadapter.features.store.recipe import Recipe
from metaadapter.features.store.rows import StoredPicture

__all__ = ["SCHEMA", "Quarantined", "StoreHeader", "features_file"]

SCHEMA = "metaadapter.store/1"


class Quarantined(NamedTuple):
    """A picture that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreHeader:
    """The facts of a store, and the names of the files they belong to.

    Attributes:
        recipe: Encoder, precision, views and seed.
        generation: 1 for the first complete run; the files carry this number.
        n_rows: Pictures times views.
        counts: Pictures per label.
        classes: Names of the classes, in the order of the rows of `texts`.
        templates: Prompts over which the text features are averaged.
        quarantined: Pictures left out.
    """

    recipe: Recipe
    generation: int
    n_rows: int
    counts: dict[str, int]
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]

    @classmethod
    def of_pictures(
        cls,
        pictures: Sequence[StoredPicture],
        recipe: Recipe,
        classes: tuple[str, ...],
        templates: tuple[str, ...] = (),
        quarantined: tuple[Quarantined, ...] = (),
        *,
        generation: int = 1,
    ) -> StoreHeader:
        """The facts of a store that is to hold these pictures."""
        n_rows = len(pictures) * recipe.n_views
        labels = Counter(picture.label for picture in pictures if picture.label)
        counts = dict(sorted(labels.items()))
        return cls(recipe, generation, n_rows, counts, classes, templates, quarantined)

    @property
    def files(self) -> dict[str, str]:
        """File names by content: "features", "rows", and "texts" if the pictures have labels."""
        names = {
            "features": features_file(self.generation),
            "rows": f"rows-{self.generation:04d}.csv",
        }
        if self.classes:
            names["texts"] = f"texts-{self.generation:04d}.npy"
        return names

    def write(self, folder: Path) -> None:
        """Replace `store.json` in one step."""
        text = json.dumps(self._to_dict(), indent=2, ensure_ascii=True) + "\n"
        replace_file(folder / HEADER_FILE, text)

    @classmethod
    def read(cls, folder: Path) -> StoreHeader:
        """Read `store.json`.

        Raises:
            DataError: The folder has no `store.json`, or a damaged one.
            IncompatibleArtifact: A later version of metaadapter wrote it.
        """
        path = folder / HEADER_FILE
        if not path.is_file():
            raise DataError(_absent(folder))
        try:
            values = json.loads(path.read_bytes())
            schema = values["schema"]
        except OSError as error:
            raise DataError(
                f"cannot read {path}: {error.strerror or error}; correct the permissions"
            ) from error
        except (ValueError, TypeError, KeyError):
            raise DataError(
                f"{path} is not the {HEADER_FILE} of a feature store; {REMEDY}"
            ) from None
        if schema != SCHEMA:
            raise IncompatibleArtifact(
                f"{path} has the format {schema!r}, and this metaadapter reads {SCHEMA!r}; "
                f"it was written by metaadapter {values.get('metaadapter', '?')}: install that or "
                "a later version, or encode the pictures again"
            )
        try:
            return read_entries(cls, {**values, "recipe": values})
        except ValueError as error:
            raise DataError(f"an entry of {path} cannot be read: {error}; {REMEDY}") from error

    def _to_dict(self) -> dict[str, Any]:
        from importlib.metadata import version

        return {
            "schema": SCHEMA,
            "metaadapter": version("metaadapter"),
            **asdict(self.recipe),
            "dim": self.recipe.fingerprint.dim,
            "dtype": "float16",
            "unit_rows": True,
            "generation": self.generation,
            "files": self.files,
            "n_rows": self.n_rows,
            "n_pictures": self.n_rows // self.recipe.n_views,
            "counts": self.counts,
            "classes": self.classes,
            "templates": self.templates,
            "quarantined": [entry._asdict() for entry in self.quarantined],
        }


def features_file(generation: int) -> str:
    """The name of the file of features."""
    return f"features-{generation:04d}.npy"


def _absent(folder: Path) -> str:
    if not folder.is_dir():
        return f"there is no feature store {folder}; make one with `metaadapter encode`"
    if (folder / JOURNAL_FOLDER).is_dir():
        return (
            f"the feature store {folder} is not finished: its `metaadapter encode` runs or was "
            "interrupted. Run the same command again; it goes on where it stopped"
        )
    if (folder / LOCK_FILE).exists():
        return (
            f"{folder} has no {HEADER_FILE}, so it is not a feature store yet: the command that "
            "was to make it has not come to its end; run that command again"
        )
    return (
        f"{folder} has no {HEADER_FILE}, so it is not a feature store; make one with "
        "`metaadapter encode IMAGES --out STORE`"
    )
