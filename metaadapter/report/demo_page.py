"""The demo's result as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from metaadapter.report.template import render
from metaadapter.task.demo_result import Answers, DemoResult, LabelledPicture

__all__ = ["page"]


def page(result: DemoResult) -> str:
    """Render the page; the same result gives the same page."""
    return render(
        "demo_page.html.jinja",
        {"percent": _percent, "percents": _percents, "seconds": _seconds},
        result=result,
        baseline=result.answers[0],
        adapted=result.answers[-1],
        groups=list(_groups(result)),
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Held-out pictures on which the adapter had the same effect."""

    title: str
    meaning: str
    cards: list[tuple[LabelledPicture, list[tuple[str, str, float, bool]]]]


# (zero-shot is correct, the adapter is correct) → heading, explanation; what changed comes first.
_EFFECTS = {
    (False, True): ("Corrected by the adapter", "Wrong by the class names alone, correct now."),
    (True, False): ("Made wrong by the adapter", "Correct by the class names alone, wrong now."),
    (True, True): ("Correct before and after", "The class names alone were enough."),
    (False, False): ("Wrong before and after", "Neither got these."),
}


def _groups(result: DemoResult) -> Iterator[_Group]:
    before, after = result.answers[0], result.answers[-1]
    for effect, (title, meaning) in _EFFECTS.items():
        members = [
            i
            for i, seen in enumerate(zip(before.correct, after.correct, strict=True))
            if seen == effect
        ]
        cards = [
            (result.held_out[i], [_answer(each, i) for each in result.answers]) for i in members
        ]
        yield _Group(title, meaning, cards)


def _answer(answers: Answers, picture: int) -> tuple[str, str, float, bool]:
    return (
        answers.method,
        answers.labels[picture],
        answers.probabilities[picture],
        answers.correct[picture],
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _percents(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:.0f}–{100 * high:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f} s"
