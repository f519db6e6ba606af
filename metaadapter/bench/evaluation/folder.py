"""The folder of an evaluation: it holds one evaluation and has one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.journal import JOURNAL_FILE, REMEDY, CellJournal
from metaadapter.bench.evaluation.sequence_config import SequenceConfig
from metaadapter.data.output_folder import hold_lock, require_own_or_empty, write_errors
from metaadapter.data.proof import read_document, write_document
from metaadapter.errors import DataError

RECORD_FILE, LOCK_FILE = "evaluation.json", ".lock"
SCHEMA, SCHEMA_WITHOUT_PROOF = "metaadapter.evaluation/2", "metaadapter.evaluation/1"
# These shape every task. The number of seeds may grow.
DRAW = set(SequenceConfig.model_fields) - {"seeds"}


@dataclass(frozen=True, slots=True)
class Record:
    """The configuration of an evaluation, with the identities of its methods and sets."""

    config: EvaluationConfig
    methods: dict[str, str]
    """Name → identity."""
    sets: dict[str, str]
    """Name → identity."""

    def differences(self, old: Record) -> list[str]:
        """The reasons why this evaluation cannot continue in the folder of an old one.

        Methods, sets and seeds may be added, and the reference may change, because no figure in the
        folder depends on them. Cells of a method that has changed are measured again.
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
    """The values that shape every task; a store that has moved is the same store."""
    strangers = tuple(Path(store).name for store in config.strangers)
    return config.model_dump(include=DRAW) | {"strangers": strangers}


@contextmanager
def hold_evaluation(folder: Path, record: Record) -> Iterator[CellJournal]:
    """Create or reopen the folder of an evaluation, locked and with its journal open.

    Raises:
        DataError: The folder holds another evaluation or other files, another process writes to
            it, or it cannot be written.
    """
    with write_errors(f"the evaluation {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(folder, (RECORD_FILE,), "evaluation")
    path, journal = folder / RECORD_FILE, folder / JOURNAL_FILE
    with hold_lock(folder / LOCK_FILE, f"the evaluation {folder}"):
        # Without a finished cell, no figures of two evaluations can be mixed.
        if path.exists():
            differences = record.differences(_record(folder))
            if differences and journal.exists() and journal.stat().st_size:
                raise DataError(
                    f"{folder} holds another evaluation; choose another --out. Methods, stores "
                    "and seeds may be added to it, but these values differ:\n  "
                    + "\n  ".join(differences[:10])
                )
        document = {
            "schema": SCHEMA,
            "config": record.config.model_dump(mode="json"),
            "methods": record.methods,
            "sets": record.sets,
        }
        with write_errors(f"the evaluation {folder}"):
            write_document(path, document)
            cells = CellJournal(journal)
            cells.file.prepare()
        yield cells


def read_record(folder: Path) -> dict[str, Any]:
    """The content of `evaluation.json`.

    Raises:
        DataError: It is missing or damaged.
        IncompatibleArtifact: A later version wrote it.
    """
    path = folder / RECORD_FILE
    return read_document(path, SCHEMA, REMEDY, without_proof=(SCHEMA_WITHOUT_PROOF,))[0]


def _record(folder: Path) -> Record:
    values = read_record(folder)
    try:
        config = EvaluationConfig.model_validate(values["config"])
        return Record(config, dict(values["methods"]), dict(values["sets"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / RECORD_FILE} is not the record of an evaluation ({error}); {REMEDY}"
        ) from error
