"""Makes a finished training run the generator that the package ships.

    python -m tools.ship_generator RUN

Copies `best/` to `metaadapter/assets/generator` and writes `training.json` beside it: what was
trained on, with every class, what it was judged on, the resolved configuration and the versions. A
run that started from the generator that ships has the record of the run before it as `start`.
The model card is written by hand; its tables by `metaadapter evaluate` and `tools.cone`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from metaadapter.files.proof import TRAINING_RECORD, read_document, write_document
from metaadapter.generator.pretrained import CONFIG_FILE, SHIPPED, WEIGHTS_FILE
from metaadapter.training.config_file import RESOLVED, RUN_SCHEMA

MOST_BYTES = 4_000_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder that `metaadapter train` wrote")
    run = parser.parse_args().run
    summary, _ = read_document(run / "summary.json", TRAINING_RECORD, "train again")
    if summary["ending"] == "interrupted":
        raise SystemExit(f"{run} is interrupted at step {summary['step']}; resume it first")
    if (size := (run / "best" / WEIGHTS_FILE).stat().st_size) > MOST_BYTES:
        raise SystemExit(f"{run / 'best' / WEIGHTS_FILE} has {size} bytes; at most {MOST_BYTES}")
    SHIPPED.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        shutil.copyfile(run / "best" / name, SHIPPED / name)
    resolved, _ = read_document(run / RESOLVED, RUN_SCHEMA, "train again")
    config = {key: value for key, value in resolved.items() if key not in ("schema", "code")}
    config["data"]["root"] = Path(config["data"]["root"]).name
    for part in ("sources", "validation_classes", "validation_domains"):
        for source in config["data"][part]:
            if source["classes"]:
                source["classes"]["split"] = Path(source["classes"]["split"]).name
    record = {key: value for key, value in summary.items() if key not in ("run", "config")}
    if config["start"] == "default":
        record["start"] = _first_run()
    write_document(SHIPPED / "training.json", {**record, "config": config})


def _first_run() -> dict[str, Any]:
    """The record of the run from new weights that the generator which ships comes from."""
    record, _ = read_document(SHIPPED / "training.json", TRAINING_RECORD, "restore it")
    first = record.get("start", record)
    # The new run's data have those of the first among them.
    return {key: value for key, value in first.items() if key != "data"}


if __name__ == "__main__":
    main()
