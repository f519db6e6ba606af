"""What `metaadapter adapt` tells of an adapter: its classes, an estimate, and what may hurt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

from metaadapter.adapter import AdapterConfig
from metaadapter.commands.console import MAX_LISTED, Console, quarantined_json
from metaadapter.task.labelled_pictures import LabelledPictures
from metaadapter.task.left_out_estimate import LeftOutEstimate

__all__ = ["document", "show"]


def show(
    console: Console,
    folder: Path,
    labelled: LabelledPictures,
    config: AdapterConfig,
    estimate: LeftOutEstimate | None,
) -> None:
    """Tell a person the result and what to do next."""
    counts = [f"{label} {n}" for label, n in _counts(config).items()]
    more = f", … ({len(counts)} in all)" if len(counts) > MAX_LISTED else ""
    console.note(f"pictures of each class: {', '.join(counts[:MAX_LISTED])}{more}")
    n_steps = config.n_steps
    if config.mode == "finetune":
        taken = f"{n_steps}, as" if n_steps else "none, as"
        console.note(f"gradient steps after the prediction: {taken} left-out pictures bear out")
    if estimate is not None:
        made = "predicted and refined" if n_steps else "predicted"
        console.note(
            f"estimate from these pictures alone: {estimate.accuracy} are predicted correctly by "
            f"an adapter {made} from all the others"
        )
        console.note_all("predicted wrongly when left out:", estimate.mistakes)
    console.result(
        f"{folder}: an adapter for {len(counts)} classes, from {len(labelled.pictures)} pictures "
        f"(encoder {config.origin.encoder}, {config.origin.n_views} view(s))"
    )
    console.note(f"next: metaadapter predict {quote(str(folder))} NEW_PICTURES")


def document(
    folder: Path,
    labelled: LabelledPictures,
    config: AdapterConfig,
    estimate: LeftOutEstimate | None,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """The JSON form."""
    return {
        "adapter": str(folder),
        "counts": _counts(config),
        "n_pictures": len(labelled.pictures),
        "mode": config.mode,
        "n_steps": config.n_steps,
        "generator": config.generator,
        "generator_id": config.generator_id,
        **config.origin.model_dump(),
        "leave_one_out": None if estimate is None else estimate.accuracy.to_dict(),
        "mistakes": [] if estimate is None else [asdict(each) for each in estimate.mistakes],
        "warnings": list(warnings),
        "quarantined": quarantined_json(labelled.pictures.quarantined),
    }


def _counts(config: AdapterConfig) -> dict[str, int]:
    return dict(zip(map(str, config.classes), config.n_shots, strict=True))
