"""The demo's result as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

from typing import Any

from metaadapter.report.template import render
from metaadapter.task.demo_result import DemoResult

__all__ = ["page"]


def page(result: DemoResult) -> str:
    """Render the page; the same result gives the same page."""
    return render(
        "demo_page.html.jinja",
        (_percent, _percents, _seconds),
        result=result,
        baseline=result.answers[0],
        adapted=result.answers[-1],
        groups=_groups(result),
    )


# (zero-shot is correct, the adapter is correct) → heading, explanation; what changed comes first.
_EFFECTS = {
    (False, True): ("Corrected by the adapter", "Wrong by the class names alone, correct now."),
    (True, False): ("Made wrong by the adapter", "Correct by the class names alone, wrong now."),
    (True, True): ("Correct before and after", "The class names alone were enough."),
    (False, False): ("Wrong before and after", "Neither got these."),
}


def _groups(result: DemoResult) -> list[dict[str, Any]]:
    """Held-out pictures on which the adapter had the same effect, with the answers of each."""
    seen = [*zip(result.answers[0].correct, result.answers[-1].correct, strict=True)]
    return [
        {
            "title": title,
            "meaning": meaning,
            "cards": [
                (
                    picture,
                    [
                        (each.method, each.labels[i], each.probabilities[i], each.correct[i])
                        for each in result.answers
                    ],
                )
                for i, picture in enumerate(result.held_out)
                if seen[i] == effect
            ],
        }
        for effect, (title, meaning) in _EFFECTS.items()
    ]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _percents(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:.0f}–{100 * high:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f} s"
