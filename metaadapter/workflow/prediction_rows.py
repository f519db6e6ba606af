"""A prediction as a row of a table, and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from metaadapter.data.crop import Box
from metaadapter.data.plain_text import csv_bytes, from_csv
from metaadapter.workflow.predictions import Prediction

COLUMNS = (*Prediction._fields[:5], "known", "unfamiliar")  # from path to runner_up_probability
# A manifest of pictures has the same columns.
BOX_COLUMNS = ("box_left", "box_top", "box_width", "box_height", "detected", "confidence")
BETWEEN = " | "


@dataclass(frozen=True, slots=True)
class RowFormat:
    """The columns of a table.

    Attributes:
        classes: The labels, with a column of probabilities each.
        raw: Write names unchanged, not with `in_csv`.
        sets: Write a column `set` with the classes that a picture may show, joined by " | ".
        boxes: Write columns for the box of a detector.
        times: Write columns `time` and `series`.
    """

    classes: Sequence[str]
    raw: bool = False
    sets: bool = False
    boxes: bool = False
    times: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return (
            *COLUMNS,
            *(["set"] if self.sets else []),
            *(BOX_COLUMNS if self.boxes else []),
            *(["time", "series"] if self.times else []),
            *(f"p_{label}" for label in self.classes),
        )

    @property
    def head(self) -> bytes:
        """The first line, with the names of the columns."""
        return csv_bytes([self.columns], raw=self.raw)

    def rows(self, predictions: Iterable[Prediction]) -> bytes:
        """One line for each prediction."""
        return csv_bytes(map(self._cells, predictions), raw=self.raw)

    def read(self, file: IO[bytes]) -> Iterator[Prediction]:
        """The predictions of a whole table, without true labels and `in_support`."""
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        try:
            lines = csv.reader(text)
            next(lines)
            for line in lines:
                cells = line if self.raw else map(from_csv, line)
                yield self._prediction(dict(zip(self.columns, cells, strict=True)))
        finally:
            text.detach()  # the caller closes the file

    def _cells(self, prediction: Prediction) -> list[object]:
        known, confidence = prediction.known, prediction.confidence
        cells = [
            *prediction[:5],
            "" if known is None else known,
            "yes" if prediction.unfamiliar else "",
        ]
        if self.sets:
            cells.append(BETWEEN.join(prediction.set or ()))
        if self.boxes:
            cells += [*(prediction.box or ("",) * 4), prediction.detected or ""]
            cells.append("" if confidence is None else confidence)
        if self.times:
            cells += [prediction.time or "", prediction.series or ""]
        return [*cells, *(prediction.probabilities.get(label, "") for label in self.classes)]

    def _prediction(self, cells: dict[str, str]) -> Prediction:
        shares = {label: cells[f"p_{label}"] for label in self.classes}
        sides = [cells.get(column, "") for column in BOX_COLUMNS[:4]]
        confidence = cells.get("confidence")
        return Prediction(
            path=cells["path"],
            label=cells["label"],
            probability=float(cells["probability"]),
            runner_up=cells["runner_up"],
            runner_up_probability=float(cells["runner_up_probability"]),
            in_support=False,
            probabilities={label: float(share) for label, share in shares.items() if share},
            known=float(cells["known"]) if cells["known"] else None,
            unfamiliar=bool(cells["unfamiliar"]),
            set=tuple(cells["set"].split(BETWEEN)) if cells.get("set") else None,
            box=Box(*map(float, sides)) if any(sides) else None,
            detected=cells.get("detected") or None,
            confidence=float(confidence) if confidence else None,
            time=cells.get("time") or None,
            series=cells.get("series") or None,
        )
