"""The folder of an evaluation, which holds one evaluation and has one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.bench.evaluation.cells import CELLS_FILE, PURPOSE, FinishedCells
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draw_config import DrawConfig
from metaadapter.errors import DataError
from metaadapter.files.checksums import read_document, write_document
from metaadapter.files.db import Database
from metaadapter.files.output_folder import require_own_or_empty, write_errors

RECORD_FILE, SUMMARY_FILE = "evaluation.json", "summary.json"
REMEDY = "restore it from a copy, or measure again into another folder"
SCHEMA, SUMMARY_SCHEMA = "metaadapter.evaluation/1", "metaadapter.evaluation.summary/1"
# The values that shape every task. The number of seeds may grow.
DRAW = set(DrawConfig.model_fields) - {"seeds"}


@dataclass(frozen=True, slots=True)
class Record:
    """The configuration of an evaluation, with the identities of its methods and sets."""

    config: EvaluationConfig
    methods: Mapping[str, str]
    """Name → identity."""
    sets: Mapping[str, str]
    """Name → identity."""

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Read `evaluation.json`; raise `DataError` if it is missing or damaged."""
        path = folder / RECORD_FILE
        values, _ = read_document(path, SCHEMA, REMEDY)
        try:
            config = EvaluationConfig.model_validate(values["config"])
            return cls(config, values["methods"], values["sets"])
        except (KeyError, ValueError) as error:
            raise DataError(f"{path} is not the record of an evaluation ({error}); {REMEDY}") from (
                error
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        config = self.config.model_dump(mode="json")
        return {"config": config, "methods": self.methods, "sets": self.sets}

    def differences(self, old: Record) -> list[str]:
        """Return the reasons why this evaluation cannot continue in the folder of the old one.

        Methods, sets and seeds may be added, because figures that are
        there do not depend on them. Cells of a method that has changed are measured again.
        """
        before, now = (_draw_of(record.config) for record in (old, self))
        reasons = [
            f"{key}: {value} → {now[key]}" for key, value in before.items() if value != now[key]
        ]
        if self.config.seeds < old.config.seeds:
            reasons.append(f"seeds: {old.config.seeds} → {self.config.seeds}")
        reasons += [
            f"the method {name} is left out" for name in old.methods if name not in self.methods
        ]
        for name, identity in old.sets.items():
            if name not in self.sets:
                reasons.append(f"the set {name} is left out")
            elif self.sets[name] != identity:
                reasons.append(f"the set {name} has changed (its pictures, labels or encoder)")
        return reasons


def _draw_of(config: EvaluationConfig) -> dict[str, Any]:
    """Return the values that shape every task; a store that has moved counts as the same store."""
    strangers = tuple(Path(store).name for store in config.strangers)
    return config.model_dump(include=DRAW) | {"strangers": strangers}


@contextmanager
def hold_evaluation(folder: Path, record: Record) -> Iterator[FinishedCells]:
    """Create or reopen the folder of an evaluation, lock it, and yield its finished cells.

    Raise `DataError` if the folder has another evaluation, other files or another writer.
    """
    path, owner = folder / RECORD_FILE, f"the evaluation {folder}"
    with write_errors(owner):
        folder.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(folder, (RECORD_FILE, CELLS_FILE), "evaluation")
        database = Database(folder / CELLS_FILE, PURPOSE, owner=owner)
    with database:
        # Another evaluation may replace one without a finished cell: no figures get mixed.
        if database.count and not path.exists():
            raise DataError(
                f"{folder} has lost {RECORD_FILE}, which says how its figures were measured; "
                "restore it from a copy, or choose another --out"
            )
        if not database.count and (folder / SUMMARY_FILE).exists():
            raise DataError(
                f"{database.path}, which has the figures of each cell, is missing or empty; "
                "restore it from a copy, or choose another --out"
            )
        differences = record.differences(Record.read(folder)) if path.exists() else []
        if differences and database.count:
            raise DataError(
                f"{folder} holds another evaluation; choose another --out. A repeated command may "
                "add methods, stores and seeds, but these values differ:\n  "
                + "\n  ".join(differences[:10])
            )
        cells = FinishedCells(database)
        with write_errors(owner):
            write_document(path, {"schema": SCHEMA, **record.to_dict()})
        yield cells
