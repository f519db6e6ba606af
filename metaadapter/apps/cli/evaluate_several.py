"""`metaadapter evaluate --several`: compare methods that give a picture several labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli.console import Console
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    import torch

TAKEN = {"stores", "methods", "shots", "seeds", "ways"}
DEFAULT_SEEDS = 10
SCORES_FILE, SUMMARY_FILE = "scores.csv", "several.json"
SCHEMA = "metaadapter.several/1"


def evaluate_several(out: Path, given: Mapping[str, Any], console: Console, *, device: str) -> None:
    """Measure the methods on draws of the stores, and write the scores into the folder."""
    if wrong := sorted(given.keys() - TAKEN):
        raise UsageError(f"--several excludes {', '.join(wrong)}; leave it out")
    if not given.get("stores"):
        raise UsageError("--several needs feature stores whose labels are such as fox;snow")
    from metaadapter.bench.evaluation.config import AT, load_evaluation
    from metaadapter.bench.several import measure
    from metaadapter.bench.several.tasks import SeveralSet
    from metaadapter.data.checksums import write_document
    from metaadapter.data.output_folder import write_errors
    from metaadapter.data.table_file import csv_table

    usual = {"seeds": DEFAULT_SEEDS, "methods": _methods(given.get("methods"))}
    config = load_evaluation(None, {**usual, **given})
    if pairs := [AT.join(source) for source in config.stores if not isinstance(source, str)]:
        raise UsageError(f"--several takes single stores, got {', '.join(pairs)}; leave one out")
    place = _device(device)
    sets = [SeveralSet.of_store(Path(store), str(place)) for store in config.own_stores]
    with console.counting("measuring") as count:
        result = measure.evaluate_several(
            config, sets, out, device=place, tell=count, note=console.warn
        )
    scores, means = result.scores, result.means
    document = {
        "stores": given["stores"],
        "methods": config.methods,
        "seeds": config.seeds,
        "ways": config.ways,
        "n_measured": result.n_measured,
        "means": means.to_dict("records"),
    }
    with write_errors(f"the evaluation into {out}"):
        content = csv_table(scores.columns, scores.itertuples(index=False))
        write_document(out / SUMMARY_FILE, {"schema": SCHEMA, **document}, {SCORES_FILE: content})
    titles = ["set", "shots", "method", "mAP", "F1", "F1 in hindsight", "calibration error"]
    rows = [
        [*map(str, row[:3]), *(f"{score:.1f}" for score in row[3:])]
        for row in means.itertuples(index=False)
    ]
    console.show_table("several", document, titles, rows, right=titles[3:])
    console.note(f"wrote {out / SUMMARY_FILE} and {out / SCORES_FILE}")


def _device(name: str) -> torch.device:
    from metaadapter.features.device import choose_device

    device = choose_device(name)
    if device.type != "mps":
        return device
    raise UsageError(
        f"--several calculates in double precision, which --device {name} (Apple's GPU) does not "
        "have; give --device cpu"
    )


def _methods(names: Sequence[str] | None) -> list[str]:
    from metaadapter.bench.several.methods import METHODS

    chosen = [*(names or METHODS)]
    if unknown := [name for name in chosen if name not in METHODS]:
        raise UsageError(
            f"expected methods of several labels ({', '.join(METHODS)}), got {', '.join(unknown)}"
        )
    return chosen
