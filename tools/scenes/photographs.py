"""List real photographs with boxes as scenes, which `tools.measure_grounding` reads.

    python -m tools.scenes.photographs --data DATA --out FOLDER

Writes FOLDER/chosen.jsonl and FOLDER/reported.jsonl. The first has the photographs by which design
and training were chosen, the second those whose figures the documentation states. The pictures
stay in DATA.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from PIL import Image

from metaadapter.data.output_folder import replace_file
from metaadapter.data.strict_json import json_text
from metaadapter.features.prompts import readable_name

# Boxes drawn by hand around the one object of each photograph, in fractions of the picture.
BOXES = Path(__file__).with_name("photographs.csv")
SPLITS = {
    "chosen": ("clothing10.large", "trashnet6.large"),
    "reported": ("caltech101-val", "test-flowers17"),
}


def main() -> None:
    """Write a list for each split."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with BOXES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for split, sources in SPLITS.items():
        lines = [
            json_text(record(args.data.resolve(), row)) + "\n"
            for row in rows
            if row["picture"].split("/")[0] in sources
        ]
        replace_file(args.out / f"{split}.jsonl", "".join(lines))


def record(data: Path, row: dict[str, str]) -> dict[str, object]:
    """Return the record of a scene with one object, from a row of the table of boxes."""
    source, folder, _ = row["picture"].split("/")
    name, path = readable_name(folder).lower(), data / row["picture"]
    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except OSError as error:
        raise SystemExit(
            f"cannot read {path}: {error.strerror or error}; --data is the folder of the sources "
            f"{', '.join(sum(SPLITS.values(), ()))}"
        ) from error
    box = [float(row[side]) for side in ("left", "top", "right", "bottom")]
    thing = {"name": name, "source": source, "colour": None, "size": "large", "box": box}
    return {
        "picture": str(path),
        "form": "photograph",
        "width": width,
        "height": height,
        "objects": [thing],
        "phrases": [{"text": f"the {name}", "object": 0, "kind": "name"}],
    }


if __name__ == "__main__":
    main()
