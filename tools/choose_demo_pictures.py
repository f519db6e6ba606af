"""Draw the demo's pictures: `python -m tools.choose_demo_pictures FOLDER [--seed 1]`.

FOLDER holds one folder per class. The draw is random and does not depend on any result of the demo.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np

from metaadapter.data.reader import DEMO


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="one folder per class")
    parser.add_argument("--out", type=Path, default=DEMO)
    parser.add_argument("--per-class", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    pictures: Path = args.out
    if pictures.exists():
        parser.error(f"{pictures} exists already; delete it to draw again")

    rng = np.random.default_rng(args.seed)
    for folder in sorted(path for path in args.source.iterdir() if path.is_dir()):
        files = sorted(path.name for path in folder.iterdir())
        (pictures / folder.name).mkdir(parents=True)
        for name in rng.choice(files, args.per_class, replace=False):
            shutil.copyfile(folder / name, pictures / folder.name / name)


if __name__ == "__main__":
    main()
