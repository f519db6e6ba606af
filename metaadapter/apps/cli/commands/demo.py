"""`metaadapter demo`: a run with the embedded encoder and pictures, without a network."""

from __future__ import annotations

import shlex
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from metaadapter.apps.cli.command_guard import PAGE, Output, require_replaceable
from metaadapter.apps.cli.console import Console

if TYPE_CHECKING:
    from metaadapter.apps.cli.demo_experiment import DemoResult, MethodResult

FACTS = (*("seed", "encoder", "fingerprint", "generator", "classes", "encode_seconds", "versions"),)
TITLES = ("method", "shots", "correct", "accuracy", "95 % interval", "adapter in")
# (zero-shot is correct, the adapter is correct) → heading, explanation; changes come first.
EFFECTS = {
    (False, True): ("Corrected by the adapter", "Wrong with class names only, correct now."),
    (True, False): ("Made wrong by the adapter", "Correct with class names only, wrong now."),
    (True, True): ("Correct before and after", "The class names were enough."),
    (False, False): ("Wrong before and after", "Wrong with class names only, and still wrong."),
}


def demo(
    out: Annotated[
        Path,
        Option(help="Folder for the page and the adapter; created if missing."),
        Output(),
    ] = Path("demo"),
    open_page: Annotated[
        bool, Option("--open/--no-open", help="Show the page in the browser at the end.")
    ] = False,
) -> None:
    """Show what metaadapter does, on the photographs of the package.

    It recognizes ten kinds of clothes, first by their names only, then with one and with four
    labelled photographs of each. It needs no network, writes a page, and takes under a minute.
    """
    console = Console()
    page_file, adapter = out / "index.html", out / "adapter"
    require_replaceable("--out", page_file, PAGE)

    console.note("Encoding 160 photographs with the embedded encoder; this takes some seconds …")
    from metaadapter.apps.cli.demo_experiment import run_demo
    from metaadapter.data.reader import DEMO, read_images
    from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
    from metaadapter.files.output_folder import replace_file, write_errors

    result, classifier = run_demo(read_images(DEMO), FrozenEncoder.load("tiny"))
    classifier.save(adapter)
    with write_errors(f"the page {page_file}"):
        replace_file(page_file, page(result))

    methods = [
        {
            **{name: getattr(method, name) for name in ("method", "n_shot", "adapter_seconds")},
            "accuracy": method.accuracy,
        }
        for method in result.methods
    ]
    document = {
        **{name: getattr(result, name) for name in FACTS},
        "methods": methods,
        "page": page_file,
        "adapter": adapter,
    }
    rows = [_row(method) for method in result.methods]
    console.show_table("demo", document, TITLES, rows, right=TITLES[1:])
    if not console.json_output:
        console.note(*_next_steps(result, page_file, adapter))
    if open_page:
        webbrowser.open(page_file.resolve().as_uri())


def _row(method: MethodResult) -> tuple[str, ...]:
    accuracy, seconds = method.accuracy, method.adapter_seconds
    return (
        method.method,
        str(method.n_shot),
        f"{accuracy.n_correct} of {accuracy.n}",
        f"{accuracy.value:.1%}",
        "{:.1%} to {:.1%}".format(*accuracy.interval),
        _seconds(seconds),
    )


def _next_steps(result: DemoResult, page_file: Path, adapter: Path) -> list[str]:
    n_pictures = len(result.support) + len(result.held_out)
    rate = n_pictures / result.encode_seconds
    return [
        "",
        f"{n_pictures} photographs were encoded in {result.encode_seconds:.1f} s ({rate:.0f} a "
        "second).",
        f"  page      {page_file}",
        f"  adapter   {adapter}   (4 shots)",
        "",
        "Your own classes: a folder with one folder of photographs for each class.",
        "  metaadapter adapt YOUR_FOLDER --out my-adapter",
        "  metaadapter predict my-adapter NEW_PHOTOGRAPHS",
        "Or try the demo's adapter on a photograph of clothes:",
        f"  metaadapter predict {shlex.quote(str(adapter))} PHOTOGRAPH",
    ]


def page(result: DemoResult) -> str:
    """Render the page; the same result gives the same page."""
    from metaadapter.bench.report.template import render

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
