"""The result of the demo as one HTML page, without other files, scripts or network."""

from __future__ import annotations

from metaadapter.bench.report.template import render
from metaadapter.workflow.demo import DemoResult

# (zero-shot is correct, the adapter is correct) → heading, explanation; changes come first.
EFFECTS = {
    (False, True): ("Corrected by the adapter", "Wrong by the class names alone, correct now."),
    (True, False): ("Made wrong by the adapter", "Correct by the class names alone, wrong now."),
    (True, True): ("Correct before and after", "The class names alone were enough."),
    (False, False): ("Wrong before and after", "Both are wrong."),
}


def page(result: DemoResult) -> str:
    """Render the page; the same result gives the same page."""
    before, after = result.methods[0], result.methods[-1]
    effects = list(zip(before.correct, after.correct, strict=True))
    groups = [
        (title, meaning, [i for i, change in enumerate(effects) if change == effect])
        for effect, (title, meaning) in EFFECTS.items()
    ]
    return render(
        "demo_page.html.jinja",
        (_percent, _percents, _seconds),
        result=result,
        baseline=before,
        adapted=after,
        groups=groups,
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _percents(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:.0f}–{100 * high:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f} s"
