"""The folder of a finished evaluation, read back: a report says what is in it and no more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from metaadapter.errors import DataError
from metaadapter.evaluation import EvaluationConfig
from metaadapter.evaluation.folder import RECORD_FILE
from metaadapter.evaluation.integrity import Box
from metaadapter.evaluation.summary import Ranks, of_records
from metaadapter.evaluation.tables import read_table

__all__ = ["ZERO_SHOT", "EvaluationRun"]

ZERO_SHOT = "zero-shot"


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """What was measured."""

    config: EvaluationConfig
    record: str
    """Twelve hex digits of all that was asked for: methods and sets with their contents."""
    means: pd.DataFrame
    """As `evaluation.summary.means` has them."""
    differences: pd.DataFrame
    """Each method less the reference."""
    ranks: Mapping[str, Ranks]
    """By part."""
    tables: Mapping[str, pd.DataFrame]
    """Tidy rows of `bins`; of `classes`, `confusion` and `mistakes`, those of the reference and of
    zero-shot with the most shots."""
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
            of_errors: dict[str, Any] = {
                "method": {config.reference_name, ZERO_SHOT},
                "n_shot": {config.ascending_shots[-1]},
            }
            errors = {
                name: read_table(folder / f"{name}.csv", **of_errors)
                for name in ("classes", "confusion", "mistakes")
            }
            return cls(
                config=config,
                record=hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12],
                means=of_records(summary["means"]),
                differences=of_records(summary["differences"]),
                ranks={part: Ranks(**ranks) for part, ranks in summary["ranks"].items()},
                tables={**errors, "bins": read_table(folder / "bins.csv")},
                boxes=tuple(Box(**box) for box in boxes["boxes"]),
                intervals=summary["intervals"],
                sets=summary["sets"],
                versions=summary["versions"],
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{folder} was not written by this version of `metaadapter evaluate` ({error!r}); "
                "give its command again, or measure again into another folder"
            ) from error


def _document(path: Path, otherwise: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{otherwise} (there is no {path.name})") from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if not isinstance(document, dict):
        raise DataError(f"cannot read {path}: expected a JSON object, got {document!r:.40}")
    return document
