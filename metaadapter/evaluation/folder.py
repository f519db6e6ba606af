"""The folder of an evaluation: one evaluation, one writer at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.atomic_files import replace_file
from metaadapter.errors import DataError
from metaadapter.evaluation.config import EvaluationConfig
from metaadapter.evaluation.draws import DrawConfig
from metaadapter.own_folder import hold_lock, require_own_or_empty, write_errors

__all__ = ["JOURNAL_FILE", "RECORD_FILE", "Record", "hold_evaluation"]

RECORD_FILE, JOURNAL_FILE, LOCK_FILE = "evaluation.json", "journal.jsonl", ".lock"
# What shapes every task: the number of seeds alone is free to grow.
DRAW = set(DrawConfig.model_fields) - {"seeds"}


@dataclass(frozen=True, slots=True)
class Record:
    """What an evaluation is, so that figures of another one never join it."""

    config: EvaluationConfig
    methods: dict[str, str]
    """Identity by name."""
    sets: dict[str, str]
    """Identity by name."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "schema": "metaadapter.evaluation/1",
            "config": self.config.model_dump(mode="json"),
            "methods": self.methods,
            "sets": self.sets,
        }

    def differences(self, old: Record) -> list[str]:
        """Why this one cannot go on in the folder of an old one.

        Methods, sets and seeds may be added, and the reference may change: no figure that is there
        changes by it. Cells of a method that has changed are measured again.
        """
        was, now = (each.config.model_dump(include=DRAW) for each in (old, self))
        found = [f"{key}: {was[key]} → {now[key]}" for key in was if was[key] != now[key]]
        if self.config.seeds < old.config.seeds:
            found.append(f"seeds: {old.config.seeds} → {self.config.seeds}")
        found += [
            f"the method {name} is left out" for name in old.methods if name not in self.methods
        ]
        found += [f"the set {name} is left out" for name in old.sets if name not in self.sets]
        found += [
            f"the set {name} is another one than before (its pictures, labels or encoder have "
            "changed)"
            for name, identity in old.sets.items()
            if self.sets.get(name, identity) != identity
        ]
        return found


@contextmanager
def hold_evaluation(folder: Path, record: Record) -> Iterator[None]:
    """Make or take up the folder of an evaluation and hold it; the system frees it at the end.

    Raises:
        DataError: The folder holds another evaluation or other files, another process writes to
            it, or it cannot be written.
    """
    with write_errors(f"the evaluation {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(folder, (RECORD_FILE,), "evaluation")
    path, journal = folder / RECORD_FILE, folder / JOURNAL_FILE
    with hold_lock(folder / LOCK_FILE, f"the evaluation {folder}"):
        # Without a finished cell there is nothing that another evaluation could mix with.
        if path.exists():
            differences = record.differences(_read(path))
            if differences and journal.exists() and journal.stat().st_size:
                raise DataError(
                    f"{folder} holds another evaluation; choose another --out. Methods, stores "
                    "and seeds may be added to one, and here differ:\n  "
                    + "\n  ".join(differences[:10])
                )
        replace_file(path, json.dumps(record.to_dict(), indent=2) + "\n")
        yield


def _read(path: Path) -> Record:
    try:
        values = json.loads(path.read_bytes())
        config = EvaluationConfig.model_validate(values["config"])
        return Record(config, dict(values["methods"]), dict(values["sets"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not the record of an evaluation ({error}); choose another --out"
        ) from error
