"""The folder of a finished evaluation, read back: every figure of a report comes from its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.errors import DataError
from metaadapter.evaluation import EvaluationConfig
from metaadapter.evaluation.folder import RECORD_FILE
from metaadapter.evaluation.integrity import Box
from metaadapter.evaluation.summary import Samples, collect
from metaadapter.evaluation.table_files import Row, read_table

__all__ = ["ZERO_SHOT", "EvaluationRun"]

ZERO_SHOT = "zero-shot"
ERRORS = ("classes", "confusion", "mistakes")


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """What was measured."""

    folder: Path
    config: EvaluationConfig
    record: str
    """Twelve hex digits of all that was asked for: methods and sets with their contents."""
    tables: Mapping[str, list[Row]]
    """Tidy rows, by name of the table; of errors, those of the reference and of zero-shot with the
    most shots."""
    samples: Samples
    """The rows, sorted for means and paired differences."""
    boxes: tuple[Box, ...]
    intervals: str
    """What the intervals cover."""
    sets: Mapping[str, Mapping[str, Any]]
    """Pictures, classes and encoder, by name."""
    versions: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> EvaluationRun:
        """Read the folder of an evaluation.

        Raises:
            DataError: It holds none, or one that did not end.
        """
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}; give the --out of an evaluation")
        record = _document(folder / RECORD_FILE, f"{folder} holds no evaluation")
        unfinished = f"the evaluation {folder} did not end: give its command again"
        summary = _document(folder / "summary.json", unfinished)
        boxes = _document(folder / "integrity.json", unfinished)
        if record.get("config") != summary.get("config"):
            raise DataError(f"{unfinished} (it was asked for more than its tables hold)")
        try:
            config = EvaluationConfig.model_validate(summary["config"])
            methods = {config.reference_name, ZERO_SHOT}
            of_errors = {"method": methods, "n_shot": {str(config.ascending_shots[-1])}}
            tables = {
                name: read_table(folder / f"{name}.csv", **(of_errors if name in ERRORS else {}))
                for name in (*ERRORS, "rows", "bins")
            }
            return cls(
                folder=folder,
                config=config,
                record=_digest(record),
                tables=tables,
                samples=collect(tables["rows"]),
                boxes=tuple(Box(**box) for box in boxes["boxes"]),
                intervals=summary["intervals"],
                sets=summary["sets"],
                versions=summary["versions"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{folder} was not written by this version of `metaadapter evaluate` ({error!r}); "
                "measure again into another folder"
            ) from error


def _document(path: Path, otherwise: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{otherwise} (there is no {path.name})") from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    return document


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]
