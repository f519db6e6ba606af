"""What `metaadapter adapt` tells of an adapter: its classes, an estimate, and what may hurt."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from metaadapter.adapter import AdapterConfig
from metaadapter.commands.console import MAX_LISTED, Console, quarantined_json
from metaadapter.task.labelled_pictures import LabelledPictures
from metaadapter.task.left_out_estimate import LeftOutEstimate

__all__ = ["AdaptReport"]


@dataclass(frozen=True, slots=True)
class AdaptReport:
    """One run of the command.

    Attributes:
        folder: folder of the adapter.
        labelled: the pictures that it was predicted from.
        config: facts of the adapter.
        estimate: its leave-one-out accuracy and mistakes, where that is cheap and defined.
        warnings: what may be wrong with the pictures and the names of their classes.
    """

    folder: Path
    labelled: LabelledPictures
    config: AdapterConfig
    estimate: LeftOutEstimate | None
    warnings: tuple[str, ...]

    def show(self, console: Console) -> None:
        """Tell a person the result and what to do next."""
        counts = [f"{label} {n}" for label, n in self._counts().items()]
        more = f", … ({len(counts)} in all)" if len(counts) > MAX_LISTED else ""
        console.note(f"pictures of each class: {', '.join(counts[:MAX_LISTED])}{more}")
        n_steps = self.config.n_steps
        if self.config.mode == "finetune":
            taken = f"{n_steps}, as" if n_steps else "none, as"
            console.note(f"gradient steps after the prediction: {taken} left-out pictures bear out")
        if self.estimate is not None:
            made = "predicted and refined" if n_steps else "predicted"
            console.note(
                f"estimate from these pictures alone: {self.estimate.accuracy} are predicted "
                f"correctly by an adapter {made} from all the others"
            )
            console.note_all("predicted wrongly when left out:", self.estimate.mistakes)
        console.result(
            f"{self.folder}: an adapter for {len(counts)} classes, from "
            f"{len(self.labelled.pictures)} pictures (encoder {self.config.origin.encoder}, "
            f"{self.config.origin.n_views} view(s))"
        )
        console.note(f"next: metaadapter predict {quote(str(self.folder))} NEW_PICTURES")

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        config, estimate = self.config, self.estimate
        return {
            "adapter": str(self.folder),
            "counts": self._counts(),
            "n_pictures": len(self.labelled.pictures),
            "mode": config.mode,
            "n_steps": config.n_steps,
            "generator": config.generator,
            "generator_id": config.generator_id,
            **config.origin.model_dump(),
            "leave_one_out": None if estimate is None else estimate.accuracy.to_dict(),
            "mistakes": [] if estimate is None else [asdict(each) for each in estimate.mistakes],
            "warnings": list(self.warnings),
            "quarantined": quarantined_json(self.labelled.pictures.quarantined),
        }

    def _counts(self) -> dict[str, int]:
        return dict(zip(map(str, self.config.classes), self.config.n_shots, strict=True))
