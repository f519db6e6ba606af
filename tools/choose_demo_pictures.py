"""Draw the demo's pictures: `python -m tools.choose_demo_pictures FOLDER [--seed 1]`.

FOLDER holds one folder per class. The draw is random and does not depend on any result of the demo.
Their hashes are written to `pictures.json`, next to the folder of the pictures.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np

from metaadapter.data.checksums import write_document
from metaadapter.data.reader import read_images
from metaadapter.workflow.demo_pictures import DEMO, HASHES_FILE, PICTURES, SCHEMA, hashes_of


def write_hashes(demo: Path) -> None:
    """Write the hashes of all photographs of a demo."""
    write_document(
        demo / HASHES_FILE, {"schema": SCHEMA, "sha256": hashes_of(read_images(demo / PICTURES))}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="one folder per class")
    parser.add_argument("--out", type=Path, default=DEMO)
    parser.add_argument("--per-class", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    pictures: Path = args.out / PICTURES
    if pictures.exists():
        parser.error(f"{pictures} exists already; delete it to draw again")

    rng = np.random.default_rng(args.seed)
    for folder in sorted(path for path in args.source.iterdir() if path.is_dir()):
        files = sorted(path.name for path in folder.iterdir())
        (pictures / folder.name).mkdir(parents=True)
        for name in rng.choice(files, args.per_class, replace=False):
            shutil.copyfile(folder / name, pictures / folder.name / name)
    write_hashes(args.out)


if __name__ == "__main__":
    main()
