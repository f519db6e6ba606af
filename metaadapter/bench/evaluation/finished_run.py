"""A finished evaluation, read back from its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.folder import RECORD_FILE, read_record
from metaadapter.bench.evaluation.journal import REMEDY
from metaadapter.bench.evaluation.run import SUMMARY_FILE
from metaadapter.data.proof import Proof, read_document
from metaadapter.data.strict_json import json_text
from metaadapter.errors import DataError


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The summary of an evaluation, and the files that it proves."""

    folder: Path
    config: EvaluationConfig
    record: str
    """Twelve hexadecimal digits of the configuration, the methods and the sets."""
    summary: Mapping[str, Any]
    proof: Proof | None
    """None where an earlier version wrote the summary."""

    def file(self, name: str) -> Path:
        """The path of a file of the folder, after a check of its content."""
        return self.proof.find(name) if self.proof else self.folder / name


@contextmanager
def read_run(folder: Path, schema: str, without_proof: Sequence[str] = ()) -> Iterator[FinishedRun]:
    """Open the folder of an evaluation; missing or wrong values in its files are a `DataError`.

    Args:
        folder: The folder.
        schema: The schema of its summary.
        without_proof: Schemas of earlier versions, whose summaries prove no files.

    Raises:
        DataError: The folder holds no evaluation, an unfinished one, or a damaged file.
        IncompatibleArtifact: A later version wrote it.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; name the --out of an evaluation")
    if not (folder / RECORD_FILE).exists():
        raise DataError(f"{folder} holds no evaluation (there is no {RECORD_FILE})")
    record = read_record(folder)
    unfinished = f"the evaluation {folder} is not finished: run its command again"
    if not (folder / SUMMARY_FILE).exists():
        raise DataError(f"{unfinished} (there is no {SUMMARY_FILE})")
    summary, proof = read_document(
        folder / SUMMARY_FILE, schema, REMEDY, without_proof=tuple(without_proof)
    )
    if record.get("config") != summary.get("config"):
        raise DataError(f"{unfinished} (its tables hold less than its configuration asks for)")
    try:
        config = EvaluationConfig.model_validate(summary["config"])
        digest = hashlib.sha256(json_text(record, sort_keys=True).encode()).hexdigest()[:12]
        yield FinishedRun(folder, config, digest, summary, proof)
    except (KeyError, OSError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{folder} was not written by this version of `metaadapter evaluate` ({error!r}); "
            "run its command again, or evaluate into another folder"
        ) from error
