"""What `metaadapter adapt` tells of an adapter: its classes, an estimate, and what may hurt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.classifier.leave_one_out import leave_one_out
from metaadapter.commands.class_names import says_nothing
from metaadapter.commands.console import MAX_LISTED, Console
from metaadapter.commands.support import Support
from metaadapter.generator import load_generator
from metaadapter.report.proportion import Proportion

__all__ = ["AdaptReport"]

# Leaving out each of more pictures would take longer than a user waits for a side remark.
MAX_LEFT_OUT = 200
LOPSIDED = 10  # times as many pictures in the largest class as in the smallest


@dataclass(frozen=True, slots=True)
class AdaptReport:
    """One run.

    Attributes:
        folder: of the adapter.
        support: what it was predicted from.
        classifier: the adapter.
        estimate: leave-one-out accuracy within the support, where that is cheap and defined.
        warnings: on the pictures and their names.
    """

    folder: Path
    support: Support
    classifier: MetaAdapterClassifier
    estimate: Proportion | None
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        folder: Path,
        support: Support,
        classifier: MetaAdapterClassifier,
        names: Mapping[str, str],
    ) -> AdaptReport:
        """Look at an adapter; `names` are what the encoder read, none without text."""
        warnings = (*support.warnings, *_lopsided(support.counts), *_empty_names(names))
        return cls(folder, support, classifier, _estimate(support, classifier), warnings)

    def warn(self, console: Console) -> None:
        """Tell what may hurt."""
        console.warn_of("about the labelled pictures:", self.warnings)
        unreadable = self.support.pictures.quarantined
        console.warn_of(
            f"left out, because unreadable: {len(unreadable)}",
            [f"{picture.path}: {picture.reason}" for picture in unreadable],
        )

    def show(self, console: Console) -> None:
        """Tell a person the result and what to do next."""
        counts = [f"{label} {n}" for label, n in self._counts().items()]
        more = f", … ({len(counts)} in all)" if len(counts) > MAX_LISTED else ""
        console.note(f"pictures of each class: {', '.join(counts[:MAX_LISTED])}{more}")
        if self.estimate is not None:
            console.note(
                f"estimate from these pictures alone: {self.estimate} were labelled rightly by an "
                "adapter of all the others"
            )
        if self.classifier.mode == "finetune":
            console.note(_steps(self.classifier.n_steps_))
        console.result(
            f"{self.folder}: an adapter for {len(counts)} classes, from "
            f"{len(self.support.pictures)} pictures (encoder {self.support.origin.encoder}, "
            f"{self.support.origin.n_views} view(s))"
        )
        console.note(f"next: metaadapter predict {quote(str(self.folder))} NEW_PICTURES")

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        support, classifier = self.support, self.classifier
        return {
            "adapter": str(self.folder),
            "counts": self._counts(),
            "n_pictures": len(support.pictures),
            "mode": classifier.mode,
            "n_steps": classifier.n_steps_,
            "generator": str(classifier.generator),
            "generator_id": classifier.generator_id_,
            **support.origin.model_dump(),
            "leave_one_out": None if self.estimate is None else self.estimate.to_dict(),
            "warnings": list(self.warnings),
            "quarantined": [
                {"path": str(picture.path), "reason": picture.reason}
                for picture in support.pictures.quarantined
            ],
        }

    def _counts(self) -> dict[str, int]:
        classifier = self.classifier
        return dict(zip(classifier.classes_.tolist(), classifier.n_shots_.tolist(), strict=True))


def _steps(n_steps: int) -> str:
    if n_steps:
        return f"gradient steps after the prediction: {n_steps}, as left-out pictures bear out"
    return "gradient steps after the prediction: none, for left-out pictures bear out none"


def _estimate(support: Support, classifier: MetaAdapterClassifier) -> Proportion | None:
    if classifier.support_ is None or len(support.pictures) > MAX_LEFT_OUT:
        return None
    generator = load_generator(str(classifier.generator))
    right = leave_one_out(classifier.support_, generator)
    return Proportion(sum(right), len(right)) if right else None


def _lopsided(counts: Mapping[str, int]) -> list[str]:
    fewest, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[most] < LOPSIDED * counts[fewest]:
        return []
    return [
        f"{fewest!r} has {counts[fewest]} picture(s) beside {counts[most]} of {most!r}: more "
        f"pictures of {fewest!r} would help most"
    ]


def _empty_names(names: Mapping[str, str]) -> list[str]:
    empty = [label for label, name in names.items() if says_nothing(name)]
    if not empty:
        return []
    shown = ", ".join(map(repr, empty[:3])) + (", …" if len(empty) > 3 else "")
    return [
        f"the encoder cannot picture anything under the name of {len(empty)} class(es) ({shown}): "
        f'give names, for example --text {quote(empty[0])}="red fox", or use --no-text'
    ]
