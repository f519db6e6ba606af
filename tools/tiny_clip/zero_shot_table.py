"""Zero-shot accuracy of an encoder on feature stores, and the table of tiny's model card.

    metaadapter encode pacs-photo --out stores/pacs-photo       # and so on for each data set
    python -m tools.tiny_clip.zero_shot_table stores/* [--card]

`--card` writes the table into the model card.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from metaadapter.features.store.feature_store import FeatureStore

CARD = Path("metaadapter/assets/tiny/README.md")
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--card", action="store_true")
    args = parser.parse_args()
    lines = ["| data set | classes | pictures | top-1 % |", "|---|---|---|---|"]
    print(*lines, sep="\n")
    for folder in args.stores:
        lines.append(_row(folder))
        print(lines[-1], flush=True)
    if args.card:
        text = CARD.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        table = "\n".join(lines)
        CARD.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def _row(folder: Path) -> str:
    store = FeatureStore.open(folder)
    X, y = store.mean_features()
    right = np.array(store.classes)[(X @ store.texts.T).argmax(1)] == y
    return f"| {folder.name} | {len(store.classes)} | {len(y)} | {100 * right.mean():.1f} |"


if __name__ == "__main__":
    main()
