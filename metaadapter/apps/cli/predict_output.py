"""The output of `metaadapter predict`: a list or a JSON document, notes and warnings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from metaadapter.apps.cli.console import Console, print_document, quarantined_json

if TYPE_CHECKING:
    from pathlib import Path

    from metaadapter.workflow.prediction_request import PredictionRequest
    from metaadapter.workflow.predictions import Prediction
    from metaadapter.workflow.run_predict import Predicted
    from metaadapter.workflow.unlabelled_pictures import PoolEffect

# Facts that not every prediction has → the titles of their columns.
OF_SOME = {
    "known": ("known", ""),
    "set": ("may be",),
    "sure": ("sure", "probability"),
    "box": ("box",),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """The choice of the predictions to list, and of their order."""

    sort: str | None
    """`sure`, `doubtful`, or a class whose most probable pictures come first."""
    top: int | None

    @property
    def is_chosen(self) -> bool:
        """Whether the list is sorted or shortened."""
        return bool(self.sort or self.top)

    @property
    def rank(self) -> str | None:
        """The class to order by; None for another order."""
        return None if self.sort in ("sure", "doubtful") else self.sort

    def require_class_among(self, classes: Sequence[str]) -> None:
        """Raise a `UsageError` if the class to rank by does not exist."""
        if self.rank is not None:
            from metaadapter.workflow.class_texts import require_label

            require_label(self.rank, classes, option="--sort")

    def of(self, predictions: Iterable[Prediction]) -> list[Prediction]:
        """Return the predictions to list, sorted and shortened."""
        if self.sort is None:
            return list(islice(predictions, self.top))
        if self.top is None:
            return sorted(predictions, key=self._key)
        return nsmallest(self.top, predictions, key=self._key)  # keeps no others in memory

    def _key(self, prediction: Prediction) -> float:
        if self.rank is not None:
            return -prediction.probabilities.get(self.rank, 0.0)
        return -prediction.probability if self.sort == "sure" else prediction.probability


class PredictOutput(NamedTuple):
    """All predictions, the listed predictions, and sentences on files for other programs."""

    predicted: Predicted
    listed: list[Prediction]
    written: list[str]
    missing: list[str]
    things: str = "pictures"
    """The kind of the predicted parts: pictures or boxes."""


def show_predicted(
    console: Console,
    request: PredictionRequest,
    output: PredictOutput,
    table_file: Path | None,
    listing: Listing,
    remedy: str,
    *,
    labelled: bool,
) -> None:
    """Print the list or the JSON document, warnings and notes.

    `remedy` says what to do if the pictures come from elsewhere than the labelled ones.
    """
    predicted, tally = output.predicted, output.predicted.tally
    warnings, effect = [*tally.warnings], None
    if request.together:
        console.note("these predictions depend on one another: other pictures may change them")
        effect = _effect(console, predicted)
    elif predicted.shift is not None:
        warnings += predicted.shift.lines(remedy)
    if effect is not None:
        first, *others = effect.lines(request.classes)
        console.note(first)
        warnings += others
    _note_predicted(console, request, output, warnings)
    if table_file is not None:
        n_written = len(output.listed) if listing.top else tally.n
        console.note(f"wrote {n_written} predictions to {table_file}")
    console.note(*output.written)
    console.warn_of("about what was written:", output.missing)
    if console.json_output:
        warnings += output.missing
        document = _document(request, output, effect, warnings, labelled=labelled)
        print_document("predict", document)
    elif table_file is None:
        _list_predictions(output.listed, listing.rank, console)
    if labelled:
        console.say(*tally.scores.lines())  # with --quiet too, because --labelled asks


def _effect(console: Console, predicted: Predicted) -> PoolEffect | None:
    """Return the effect of the pool, but only if it is read, because it takes a while."""
    from metaadapter.workflow.unlabelled_pictures import pool_effect

    is_read = console.json_output or not console.silent
    return pool_effect(predicted.adapter) if is_read else None


def _note_predicted(
    console: Console, request: PredictionRequest, output: PredictOutput, warnings: Sequence[str]
) -> None:
    predicted, tally = output.predicted, output.predicted.tally
    console.warn_of(
        f"the adapter was predicted from {len(tally.in_support)} of these very pictures, so their "
        "labels show memory, not skill:",
        tally.in_support,
    )
    console.warn_of_pictures("these", warnings, tally.unreadable)
    if tally.n_unfamiliar:
        label = "their label is `unknown`" if request.options.reject else "they may be unknown"
        n, things = tally.n_classified, output.things
        console.note(f"{tally.n_unfamiliar} of {n} {things} look unfamiliar: {label}")
    if predicted.n_resumed:
        console.note(f"{predicted.n_resumed} of the predictions are from the interrupted run")


def _document(
    request: PredictionRequest,
    output: PredictOutput,
    effect: PoolEffect | None,
    warnings: Sequence[str],
    *,
    labelled: bool,
) -> dict[str, Any]:
    predicted, options, origin = output.predicted, request.options, request.stored.config.origin
    tally = predicted.tally
    return {
        "adapter": str(request.adapter),
        "encoder": origin.encoder,
        "zoom": origin.zoom,
        "blocks": origin.blocks,
        "n_views": origin.n_views,
        "together": request.together,
        "unlabelled": effect and asdict(effect),
        "reject": options.reject,
        "keep": options.keep,
        "sets": options.coverage,
        "sure": sure_of(request),
        "n_unfamiliar": tally.n_unfamiliar,
        "classes": request.classes,
        "n_pictures": tally.n,
        "predictions": [prediction.to_dict() for prediction in output.listed],
        "shift": predicted.shift and predicted.shift.to_dict(),
        "scores": tally.scores.to_dict() if labelled else None,
        "warnings": [*warnings],
        "quarantined": quarantined_json(tally.unreadable),
    }


def sure_of(request: PredictionRequest) -> float | None:
    """How probable the answer of the label tree must be; `None` without a tree."""
    from metaadapter.workflow.predictions import SURE

    if request.stored.config.tree is None:
        return None
    return SURE if request.options.sure is None else request.options.sure


def _list_predictions(
    predictions: Sequence[Prediction], rank: str | None, console: Console
) -> None:
    """Print predictions as a table on a terminal, tab-separated elsewhere."""
    numbers = ["probability", "known", f"P({rank})"]
    titles = ["picture", "label", "probability", "runner-up", "probability"]
    if rank is not None:
        titles.append(numbers[-1])
    known_to_some = [
        name for name in OF_SOME if any(getattr(one, name) is not None for one in predictions)
    ]
    for name in known_to_some:
        titles += OF_SOME[name]
    console.table(
        titles,
        [_cells(prediction, rank, known_to_some) for prediction in predictions],
        right=numbers,
        dim=[prediction.unfamiliar for prediction in predictions],
    )


def _cells(prediction: Prediction, rank: str | None, known_to_some: Sequence[str]) -> list[str]:
    cells = [
        *(prediction.path, prediction.label, f"{prediction.probability:.4f}"),
        *(prediction.runner_up, f"{prediction.runner_up_probability:.4f}"),
    ]
    if rank is not None:
        cells.append(f"{prediction.probabilities.get(rank, 0):.4f}")
    for name in known_to_some:
        cells += _fact(prediction, name) or [""] * len(OF_SOME[name])
    return cells


def _fact(prediction: Prediction, name: str) -> list[str]:
    """The cells of a fact; none if the prediction lacks it, as a label of a detector does."""
    if name == "known" and prediction.known is not None:
        return [f"{prediction.known:.4f}", "unfamiliar" if prediction.unfamiliar else ""]
    if name == "set" and prediction.set is not None:
        return [", ".join(prediction.set)]
    if name == "sure" and prediction.sure is not None and prediction.sure.path:
        return [" > ".join(prediction.sure.path), f"{prediction.sure.probability:.4f}"]
    if name == "box" and prediction.box is not None:
        return [" ".join(f"{side:.3f}" for side in prediction.box)]
    return []
