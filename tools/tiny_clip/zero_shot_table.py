"""Zero-shot accuracy of an encoder on folders of pictures, and the table of tiny's model card.

    python -m tools.tiny_clip.zero_shot_table FOLDER… [--encoder tiny] [--card]

Each folder is a data set, class-per-folder. `--card` writes the table into the model card.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from metaadapter.features import FrozenEncoder, readable_name
from metaadapter.images import read_images

CARD = Path("metaadapter/assets/tiny/README.md")
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
TEACHER = {
    "pacs-photo": 71,
    "cifar10": 44,
    "trashnet6": 40,
    "pacs-cartoon": 35,
    "clothing10": 24,
    "tiny-imagenet-val": 26,
    "tiny-imagenet-train": 12,
    "omniglot56": 2.5,
}
"""Top-1 of the teacher pair in its first trial, in %: what the student is held against."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--encoder", default="tiny")
    parser.add_argument("--card", action="store_true")
    args = parser.parse_args()
    encoder = FrozenEncoder.load(args.encoder)
    lines = [
        "| data set | classes | pictures | top-1 % | teacher's trial % |",
        "|---|---|---|---|---|",
    ]
    print(*lines, sep="\n")
    for folder in args.folders:
        lines.append(_row(encoder, folder))
        print(lines[-1], flush=True)
    if args.card:
        text = CARD.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        table = "\n".join(lines)
        CARD.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def _row(encoder: FrozenEncoder, folder: Path) -> str:
    table = read_images(folder)
    texts = encoder.encode_texts([readable_name(label) for label in table.classes])
    images = encoder.encode_images([row.path for row in table.rows])
    labels = np.array([table.classes.index(row.label) for row in table.rows])
    accuracy = 100 * ((images @ texts.T).argmax(1) == labels).mean()
    trial = TEACHER.get(folder.name, "")
    return f"| {folder.name} | {len(table.classes)} | {len(labels)} | {accuracy:.1f} | {trial} |"


if __name__ == "__main__":
    main()
