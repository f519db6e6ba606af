"""Make a finished training run the generator that the package ships.

    python -m tools.ship_generator RUN

Copies `best/` to `metaadapter/assets/generator` and writes `training.json` to it: the training data
with every class, the validation data, the resolved configuration and the versions. If the run
started from another run, its record contains the other record as `start`.
The model card is written by hand, its tables by `metaadapter evaluate` and `tools.cone`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from metaadapter.data.checksums import TRAINING_RECORD, read_document, write_document
from metaadapter.generator.pretrained import (
    SHIPPED,
    WEIGHTS_FILE,
    generator_id,
    load_generator,
    save_generator,
)
from metaadapter.training.run_folder import RESOLVED, RUN_SCHEMA
from metaadapter.training.training_record import read_training_record

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
    resolved, _ = read_document(run / RESOLVED, RUN_SCHEMA, "train again")
    config = {key: value for key, value in resolved.items() if key not in ("schema", "code")}
    config["data"]["root"] = Path(config["data"]["root"]).name
    for part in ("sources", "validation_classes", "validation_domains"):
        for source in config["data"][part]:
            if source["classes"]:
                source["classes"]["split"] = Path(source["classes"]["split"]).name
    record = {key: value for key, value in summary.items() if key not in ("run", "config")}
    record |= {
        "generator": generator_id(generator),
        "pool_corrections": given.pool_corrections,
    }
    if config["start"]:
        record["start"] = _earlier_run(config["start"])
    write_document(SHIPPED / "training.json", {**record, "config": config})


def _earlier_run(start: str) -> dict[str, Any]:
    """The record of the run whose generator a run started from, without its data.

    The record of the later run contains these data.
    """
    earlier = read_training_record(SHIPPED if start == "default" else Path(start))
    record = earlier[1] if earlier else {}
    return {key: value for key, value in record.items() if key not in ("data", "proof", "schema")}


if __name__ == "__main__":
    main()
