"""Fills in a table of `metaadapter doctor --advise frames --label N`.

Run it as python label.py TABLE.csv. It stands in for your eyes: shown.json, beside the folder of
frames, says what draw.py has drawn in each of them.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path


def main(table: Path) -> None:
    """Label each row; the branch and frames without an animal are `empty`."""
    with table.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        frame = Path(row["path"])
        shown = json.loads((frame.parents[2] / "shown.json").read_text(encoding="utf-8"))
        row["label"] = row["probably"] or shown[f"{frame.parent.name}/{frame.name}"] or "empty"
    with table.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
