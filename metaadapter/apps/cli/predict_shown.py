"""The list of predictions on stdout: a table on a terminal, tab-separated elsewhere."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from metaadapter.apps.cli.console import Console
from metaadapter.data.plain_text import in_csv, one_line
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.workflow.predictions import Prediction


@dataclass(frozen=True, slots=True)
class Listing:
    """Which predictions are listed, and in which order.

    Attributes:
        rank: The class whose most probable pictures come first.
        sort: Surest or most doubtful pictures first.
        top: Only the first so many.

    Raises:
        UsageError: Two orders are given.
    """

    rank: str | None
    sort: Literal["sure", "doubtful"] | None
    top: int | None

    def __post_init__(self) -> None:
        if self.rank is not None and self.sort is not None:
            raise UsageError("--rank and --sort are two orders; give one of them")

    @property
    def is_chosen(self) -> bool:
        """Whether the list is another than that of all pictures in their order."""
        return bool(self.rank or self.sort or self.top)

    def require_class_among(self, classes: Sequence[str]) -> None:
        """Raise a `UsageError` if pictures are to be ranked by a class that is not there."""
        from metaadapter.workflow.classes import require_label

        if self.rank is not None:
            require_label(self.rank, classes, option="--rank")

    def of(self, predictions: Iterable[Prediction]) -> list[Prediction]:
        """The predictions that are listed, in their order."""
        from metaadapter.workflow.predictions import ranked

        return ranked(predictions, label=self.rank, order=self.sort)[: self.top]


def show_predictions(
    predictions: Sequence[Prediction], rank: str | None, console: Console, *, csv_raw: bool
) -> None:
    """Print them in their order.

    Args:
        predictions: What is listed.
        rank: The class whose probability is listed, too.
        console: The voice of the command.
        csv_raw: Without a terminal, names as they are.
    """
    rows = [
        [
            it.path,
            it.label,
            f"{it.probability:.4f}",
            it.runner_up,
            f"{it.runner_up_probability:.4f}",
        ]
        + ([] if rank is None else [f"{it.probabilities.get(rank, 0):.4f}"])
        + ([] if it.known is None else [f"{it.known:.4f}", "unfamiliar" if it.unfamiliar else ""])
        + ([] if it.set is None else [", ".join(it.set)])
        + ([] if it.box is None else [" ".join(f"{side:.3f}" for side in it.box)])
        for it in predictions
    ]
    if not console.stdout.is_terminal:
        inert = ([in_csv(one_line(cell)) for cell in row] for row in rows)
        # Where lines end with \n alone, a carriage return in a name would not be quoted.
        plain, quoted = (
            csv.writer(sys.stdout, "excel-tab", lineterminator="\n", quoting=quoting)
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
        )
        if csv_raw and (reconfigure := getattr(sys.stdout, "reconfigure", None)):
            # A file name of undecodable bytes comes out as the same bytes.
            reconfigure(errors="surrogateescape")
        for row in rows if csv_raw else inert:
            (quoted if "\r" in "".join(row) else plain).writerow(row)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("picture", "label", "probability", "runner-up", "probability"):
        right = title == "probability"
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    if rank is not None:
        table.add_column(Text(one_line(f"P({rank})")), justify="right", overflow="fold")
    if any(it.known is not None for it in predictions):
        table.add_column("known", justify="right", overflow="fold")
        table.add_column("", overflow="fold")
    if any(it.set is not None for it in predictions):
        table.add_column("may be", overflow="fold")
    if any(it.box is not None for it in predictions):
        table.add_column("box", overflow="fold")
    for row, it in zip(rows, predictions, strict=True):
        cells = [Text(one_line(cell)) for cell in row]
        table.add_row(*cells, style="dim" if it.unfamiliar else None)
    console.stdout.print(table)
