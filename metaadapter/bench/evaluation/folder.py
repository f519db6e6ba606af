"""The folder of an evaluation: one evaluation, one writer at a time, and a line a finished cell."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from metaadapter.bench.evaluation.config import Cell, EvaluationConfig
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.bench.sequences.setting import SequenceConfig
from metaadapter.data.output_folder import hold_lock, open_after, require_own_or_empty, write_errors
from metaadapter.data.proof import PROOF, read_document, sealed, unsealed, write_document
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError

RECORD_FILE, JOURNAL_FILE, LOCK_FILE = "evaluation.json", "journal.jsonl", ".lock"
SCHEMA, SCHEMA_WITHOUT_PROOF = "metaadapter.evaluation/2", "metaadapter.evaluation/1"
KEPT = "Finished cells are kept; the same command goes on there"
REMEDY = "restore it from a copy, or measure again into another folder"
# What shapes every task: the number of seeds alone is free to grow.
DRAW = set(SequenceConfig.model_fields) - {"seeds"}


@dataclass(frozen=True, slots=True)
class Record:
    """What an evaluation is, so that figures of another one never join it."""

    config: EvaluationConfig
    methods: dict[str, str]
    """Identity by name."""
    sets: dict[str, str]
    """Identity by name."""

    def differences(self, old: Record) -> list[str]:
        """Why this one cannot go on in the folder of an old one.

        Methods, sets and seeds may be added, and the reference may change: no figure that is there
        changes by it. Cells of a method that has changed are measured again.
        """
        was, now = (_draw_of(each.config) for each in (old, self))
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


def _draw_of(config: EvaluationConfig) -> dict[str, Any]:
    """What shapes every task; stores are the same wherever they lie."""
    strangers = tuple(Path(store).name for store in config.strangers)
    return config.model_dump(include=DRAW) | {"strangers": strangers}


class CellResult(NamedTuple):
    """The figures of a cell, and the identities of the method and program that gave them."""

    cell: Cell
    method: str
    """Identity of the method; "" of a cell that an earlier version measured, without proof."""
    bench: str
    """Identity of the program that measured it."""
    tables: Tables


class Journal:
    """Finished cells, a JSON line each, in a file that only grows: what has ended is kept.

    A line cut off at its end never counted. Of several lines of one cell the last one counts.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there.

        Raises:
            DataError: A line other than the last is damaged.
        """
        self.path = path
        self.results: dict[Cell, CellResult] = {}
        try:
            content = regular(path).read_bytes()
        except FileNotFoundError:
            content = b""
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}; {REMEDY}") from error
        *lines, cut_off = content.split(b"\n")
        self._size = len(content) - len(cut_off)
        for number, line in enumerate(lines, start=1):
            try:
                values = parse_json(line)
                cell = Cell(*values["cell"])
                result = CellResult(cell, "", "", {})
                if PROOF in values:
                    values, _ = unsealed(values)
                    result = CellResult(cell, *(values[name] for name in CellResult._fields[1:]))
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                raise DataError(
                    f"line {number} of {path} is damaged ({error!r}); delete that line, and "
                    "the same command measures its cell anew"
                ) from error
            self.results[cell] = result

    def missing(
        self, plan: Sequence[Cell], methods: Mapping[str, str], bench: str
    ) -> tuple[list[Cell], list[str]]:
        """The cells of a plan that must be measured, and why some of them must be so again.

        `methods` and `bench` are today's identities, of each method and of what measures.
        """
        there = [self.results[cell] for cell in plan if cell in self.results]
        by_another = [each.cell for each in there if each.bench != bench]
        of_another = [
            each.cell
            for each in there
            if each.bench == bench and each.method != methods[each.cell.method]
        ]
        reasons = []
        if by_another:
            reasons.append(
                "the program that draws, fits, answers and scores has changed: "
                f"{_cells(by_another)} measured again"
            )
        if changed := list(dict.fromkeys(cell.method for cell in of_another)):
            have = "method has" if len(changed) == 1 else "methods have"
            reasons.append(
                f"{len(changed)} {have} changed ({', '.join(changed)}): {_cells(of_another)} "
                "measured again"
            )
        again = {*by_another, *of_another}
        return [cell for cell in plan if cell in again or cell not in self.results], reasons

    @contextmanager
    def appending(self) -> Iterator[Journal]:
        """Open for `append`, the end cut back to the last whole line."""
        with open_after(self.path, self._size) as self._file:
            yield self

    def append(self, result: CellResult) -> None:
        """Keep a result, for good; a failed write is a `DataError`."""
        with write_errors(f"the evaluation {self.path.parent}", KEPT):
            self._file.write(json_text(sealed(result._asdict())).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        self.results[result.cell] = result


def _cells(cells: Sequence[Cell]) -> str:
    return "1 cell is" if len(cells) == 1 else f"{len(cells)} cells are"


@contextmanager
def hold_evaluation(folder: Path, record: Record) -> Iterator[Journal]:
    """Make or take up the folder of an evaluation and hold it, its journal open.

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
            differences = record.differences(_record(folder))
            if differences and journal.exists() and journal.stat().st_size:
                raise DataError(
                    f"{folder} holds another evaluation; choose another --out. Methods, stores "
                    "and seeds may be added to one, and here differ:\n  "
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
        with Journal(journal).appending() as opened:
            yield opened


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
