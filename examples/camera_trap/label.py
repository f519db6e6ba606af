"""Fills in a table of `metaadapter doctor --advise frames --label N`.

Run it as python label.py TABLE.csv. It stands in for your eyes: shown.json says what draw.py has
drawn in each frame.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path


def main(table: Path) -> None:
    """Label each row; the branch and frames without an animal are `empty`."""
    shown = json.loads(Path("shown.json").read_text(encoding="utf-8"))
    with table.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        row["label"] = row["probably"] or shown["/".join(Path(row["path"]).parts[-2:])] or "empty"
    with table.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
