"""`metaadapter report`: an evaluation as a page to read, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document


def report(
    run: Annotated[Path, Argument(metavar="RUN", help="Folder that `metaadapter evaluate` wrote.")],
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="FOLDER", help="Where to write.", show_default="into RUN"),
    ] = None,
    pictures: Annotated[
        list[Path] | None,
        Option(
            metavar="FOLDER",
            help="Where the paths of pictures begin, if not here; repeatable.",
        ),
    ] = None,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a page to read of an evaluation, and Markdown and JSON.

    Written are report.html, report.md and report.json. The page needs no other file, no script
    and no network. Pictures of the worst mistakes are shown if their files are still there, byte
    for byte. Of --continual the page has figures, curves, and the accuracy on each task after each.
    """
    from metaadapter.bench.evaluation.folder import RECORD_FILE
    from metaadapter.bench.sequences.findings import is_continual
    from metaadapter.data import proof
    from metaadapter.data.atomic_files import replace_file
    from metaadapter.data.output_folder import require_own_or_empty, write_errors

    console = Console(quiet=quiet, json_output=json_output)
    read = _read_continual if is_continual(run) else _read_evaluation
    views = read(run, pictures or [], console)
    folder = out or run
    with write_errors(f"the report into {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(folder, (RECORD_FILE, "report.json"), "report")
        # First, for by it the folder is known as that of a report.
        proof.write_document(folder / "report.json", views.document)
        replace_file(folder / "report.md", views.markdown)
        # Last, for it alone needs a package that may be missing.
        replace_file(folder / "report.html", views.page())
    files = [str(folder / f"report.{kind}") for kind in ("html", "md", "json")]
    if json_output:
        print_document("report", {"files": files, **views.document})
    else:
        console.result(*files)


class _Views(NamedTuple):
    """The page, the Markdown and the JSON of one run, and what to say of it."""

    document: dict[str, Any]
    markdown: str
    page: Callable[[], str]


def _read_evaluation(run: Path, pictures: list[Path], console: Console) -> _Views:
    from metaadapter.bench.report.evaluation_markdown import markdown
    from metaadapter.bench.report.evaluation_page import page
    from metaadapter.bench.report.evaluation_run import EvaluationRun
    from metaadapter.bench.report.findings import find
    from metaadapter.bench.report.thumbnails import thumbnails

    result = find(EvaluationRun.read(run))
    mistakes = [mistake for found in result.sets for mistake in found.mistakes]
    shown = thumbnails(mistakes, [Path(), *pictures])
    n_pictures = len({mistake["sha256"] for mistake in mistakes})
    if len(shown) < n_pictures:
        console.note(
            f"{len(shown)} of {n_pictures} pictures of mistakes were found; --pictures FOLDER "
            "says where their paths begin"
        )
    document = {"schema": "metaadapter.report/2", **result.to_dict()}
    return _Views(document, markdown(result), lambda: page(result, shown))


def _read_continual(run: Path, _pictures: list[Path], _console: Console) -> _Views:
    from metaadapter.bench.sequences.findings import find_continual
    from metaadapter.bench.sequences.markdown import continual_markdown
    from metaadapter.bench.sequences.page import continual_page

    result = find_continual(run)
    document = {"schema": "metaadapter.continual_report/1", **result.to_dict()}
    return _Views(document, continual_markdown(result), lambda: continual_page(result))
