"""`metaadapter evaluate --several`: compare methods that give a picture several labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metaadapter.apps.cli.console import Console, print_document
from metaadapter.errors import UsageError

TAKEN = {"stores", "methods", "shots", "seeds", "ways"}
DEFAULT_SHOTS, DEFAULT_SEEDS = (1, 2, 4, 8, 16), 10
SCORES_FILE, SUMMARY_FILE = "scores.csv", "several.json"
SCHEMA = "metaadapter.several/1"


def evaluate_several(out: Path, given: Mapping[str, Any], console: Console) -> None:
    """Measure the methods on draws of the stores, and write the scores into the folder."""
    if wrong := sorted(given.keys() - TAKEN):
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in wrong)
        raise UsageError(f"--several excludes {listed}; leave it out")
    if not given.get("stores"):
        raise UsageError("--several needs feature stores whose labels are such as fox;snow")
    from metaadapter.bench.several.measure import measure, summarize
    from metaadapter.bench.several.tasks import SeveralSet
    from metaadapter.data.checksums import write_document
    from metaadapter.data.output_folder import require_own_or_empty, write_errors

    methods = _methods(given.get("methods"))
    with write_errors(f"the evaluation into {out}"):
        out.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(out, (SUMMARY_FILE, SCORES_FILE), "evaluation")
    sets = [SeveralSet.of_store(Path(store)) for store in given["stores"]]
    with console.counting("measuring") as count:
        scores = measure(
            sets,
            methods,
            given.get("shots") or DEFAULT_SHOTS,
            given.get("seeds") or DEFAULT_SEEDS,
            given.get("ways"),
            count,
        )
    means = summarize(scores)
    document = {
        "stores": given["stores"],
        "methods": methods,
        "seeds": given.get("seeds") or DEFAULT_SEEDS,
        "ways": given.get("ways"),
        "means": means.to_dict("records"),
    }
    with write_errors(f"the evaluation into {out}"):
        content = scores.to_csv(index=False).encode()
        write_document(out / SUMMARY_FILE, {"schema": SCHEMA, **document}, {SCORES_FILE: content})
    if console.json_output:
        print_document("several", document)
        return
    titles = ["set", "shots", "method", "mAP", "F1", "F1 in hindsight", "calibration error"]
    rows = [
        [*map(str, row[:3]), *(f"{score:.1f}" for score in row[3:])]
        for row in means.itertuples(index=False)
    ]
    console.table(titles, rows, right=titles[3:])
    console.note(f"wrote {out / SUMMARY_FILE} and {out / SCORES_FILE}")


def _methods(names: Sequence[str] | None) -> list[str]:
    from metaadapter.bench.several.methods import METHODS

    chosen = [*(names or METHODS)]
    if unknown := [name for name in chosen if name not in METHODS]:
        raise UsageError(
            f"expected methods of several labels ({', '.join(METHODS)}), got {', '.join(unknown)}"
        )
    return chosen
