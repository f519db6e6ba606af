"""Make a finished training run the generator that the package ships.

    python -m tools.ship_generator RUN

Copies `best/` to `metaadapter/assets/generator` and writes `training.json` to it: the stores and
classes of the training data, and the stores of the validation data, which an evaluation checks.
The model card is written by hand, its tables by `metaadapter evaluate`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from metaadapter.files.checksums import TRAINING_RECORD, read_document, write_document
from metaadapter.generator.adapter_generator import WEIGHTS_FILE, generator_id, save_generator
from metaadapter.generator.pretrained import SHIPPED, load_generator

MOST_BYTES = 4_000_000
# The output layers of the pool's network.
OF_POOL_CORRECTIONS = ("pool.round_", "pool.final_")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder that `metaadapter train` wrote")
    parser.add_argument(
        "--pool-corrections",
        type=float,
        default=1.0,
        help="factor on the corrections that were learned from pools (docs/explanation/pool.md)",
    )
    given = parser.parse_args()
    run: Path = given.run
    summary, _ = read_document(run / "summary.json", TRAINING_RECORD, "train again")
    if summary["ending"] == "interrupted":
        raise SystemExit(f"{run} is interrupted at step {summary['step']}; resume it first")
    if (size := (run / "best" / WEIGHTS_FILE).stat().st_size) > MOST_BYTES:
        raise SystemExit(f"{run / 'best' / WEIGHTS_FILE} has {size} bytes, over {MOST_BYTES}")
    generator = load_generator(run / "best")
    with torch.no_grad():
        for name, weight in generator.named_parameters():
            if name.startswith(OF_POOL_CORRECTIONS):
                weight.mul_(given.pool_corrections)
    save_generator(generator, SHIPPED)
    data = {part: _joined(part, sources) for part, sources in summary["data"].items()}
    record = {"schema": TRAINING_RECORD, "generator": generator_id(generator), "data": data}
    write_document(SHIPPED / "training.json", record)


def _joined(part: str, sources: Sequence[Mapping[str, Any]]) -> list[dict[str, list[str]]]:
    """Join the sources of a part to one with all their stores, and their classes for training."""
    keys = ("stores", "classes") if part == "training" else ("stores",)
    return [{key: sorted({name for source in sources for name in source[key]}) for key in keys}]


if __name__ == "__main__":
    main()
