"""The output of `metaadapter predict`: a list or a JSON document, notes and warnings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from metaadapter.apps.cli.console import Console, print_document
from metaadapter.apps.cli.predict_why import list_reasons

if TYPE_CHECKING:
    from pathlib import Path

    from metaadapter.workflow.prediction.predictions import Prediction
    from metaadapter.workflow.prediction.run_predict import Predicted, PredictionRequest
    from metaadapter.workflow.unlabelled_pictures import PoolEffect

# The command that a warning proposes names this many sources at most.
MOST_NAMED = 3
# The titles of columns that not every list has, in their order.
OF_SOME = ("known", "", "may be", "sure", "its probability", "box")


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


def remedy_of_shift(adapter: Path, images: Sequence[Path], *, has_more: bool = False) -> str:
    """Return what to do if pictures come from elsewhere than the labelled ones.

    With `has_more` the command had further options.
    """
    words = [quote(str(path)) for path in (adapter, *images[:MOST_NAMED])]
    if has_more or len(images) > MOST_NAMED:
        words.append("…")
    return f"predict them together: metaadapter predict {' '.join(words)} --together"


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
        first, *others = effect.lines()
        console.note(first)
        warnings += others
    about = _note_predicted(console, request, output, warnings)
    if table_file is not None:
        n_written = len(output.listed) if listing.top else tally.n
        console.note(f"wrote {n_written} predictions to {table_file}")
    console.note(*output.written)
    console.warn_of("about what was written:", output.missing)
    if console.json_output:
        about["warnings"] += output.missing
        document = _document(request, output, effect, labelled=labelled)
        print_document("predict", {**document, **about})
    elif request.options.why:
        list_reasons(output.listed, console)
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
) -> dict[str, Any]:
    predicted, tally = output.predicted, output.predicted.tally
    console.warn_of(
        f"the adapter was predicted from {len(tally.in_support)} of these very pictures, so their "
        "labels show memory, not skill:",
        tally.in_support,
    )
    about = console.warn_of_pictures("these", warnings, tally.unreadable)
    if tally.n_unfamiliar:
        label = "their label is `unknown`" if request.options.reject else "they may be unknown"
        console.note(f"{tally.n_unfamiliar} of {tally.n_classified} look unfamiliar: {label}")
    if predicted.n_resumed:
        console.note(f"{predicted.n_resumed} of the predictions are from the interrupted run")
    return about


def _document(
    request: PredictionRequest,
    output: PredictOutput,
    effect: PoolEffect | None,
    *,
    labelled: bool,
) -> dict[str, Any]:
    predicted, options, origin = output.predicted, request.options, request.stored.config.origin
    tally = predicted.tally
    return {
        "adapter": request.adapter,
        **{name: getattr(origin, name) for name in ("encoder", "zoom", "blocks", "n_views")},
        "together": request.together,
        "unlabelled": effect,
        "reject": options.reject,
        "keep": options.keep,
        "sets": options.coverage,
        "sure": sure_of(request),
        "n_unfamiliar": tally.n_unfamiliar,
        "classes": request.classes,
        "n_pictures": tally.n,
        "predictions": [prediction.to_dict() for prediction in output.listed],
        "shift": predicted.shift,
        "scores": tally.scores if labelled else None,
    }


def sure_of(request: PredictionRequest) -> float | None:
    """How probable the answer of the label tree must be; `None` without a tree."""
    from metaadapter.workflow.prediction.predictions import SURE

    if request.stored.config.tree is None:
        return None
    return SURE if request.options.sure is None else request.options.sure


def _list_predictions(
    predictions: Sequence[Prediction], rank: str | None, console: Console
) -> None:
    """Print predictions as a table on a terminal, tab-separated elsewhere."""
    facts = [_facts(prediction) for prediction in predictions]
    of_some = [title for title in OF_SOME if any(title in of_one for of_one in facts)]
    of_rank = [] if rank is None else [f"P({rank})"]
    titles = ["picture", "label", "probability", "runner-up", "probability", *of_rank, *of_some]
    rows = [
        [
            *(one.path, one.label, one.probability, one.runner_up, one.runner_up_probability),
            *([] if rank is None else [float(one.probabilities.get(rank, 0))]),
            *(of_one.get(title, "") for title in of_some),
        ]
        for one, of_one in zip(predictions, facts, strict=True)
    ]
    dim = [prediction.unfamiliar for prediction in predictions]
    console.table(titles, rows, right=["probability", "known", *of_rank], dim=dim)


def _facts(prediction: Prediction) -> dict[str, object]:
    """Title of a column → a value that some predictions lack; a detector's label lacks all."""
    facts: dict[str, object] = {}
    if prediction.known is not None:
        facts["known"] = prediction.known
        facts[""] = "unfamiliar" if prediction.unfamiliar else ""
    if prediction.set is not None:
        facts["may be"] = ", ".join(prediction.set)
    if prediction.sure is not None:
        facts["sure"] = " > ".join(prediction.sure.path)
        facts["its probability"] = prediction.sure.probability if prediction.sure.path else ""
    if prediction.box is not None:
        facts["box"] = " ".join(f"{side:.3f}" for side in prediction.box)
    return facts
