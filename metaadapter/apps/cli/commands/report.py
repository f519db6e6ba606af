"""`metaadapter report`: write an evaluation as a page, as Markdown and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from metaadapter.apps.cli.console import Console, print_document
from metaadapter.errors import UsageError


def report(
    run: Annotated[Path, Argument(metavar="RUN", help="Folder that `metaadapter evaluate` wrote.")],
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="FOLDER", help="Folder to write to.", show_default="RUN"),
    ] = None,
    pictures: Annotated[
        list[Path] | None,
        Option(
            metavar="FOLDER",
            help="Folder to which picture paths are relative, if not the current one; repeatable.",
        ),
    ] = None,
) -> None:
    """Write a report of an evaluation.

    The files are report.html, report.md, report.json, and report.tex, a table for LaTeX. The page
    needs no other file, no script and no network. Pictures of the worst mistakes are shown if their
    files have not changed.
    """
    console = Console()
    document, files = write_report(run, out or run, pictures or [], console)
    if console.json_output:
        print_document("report", {"files": files, **document})
    else:
        console.result(*files)


def write_report(
    run: Path, folder: Path, pictures: list[Path], console: Console
) -> tuple[dict[str, Any], list[str]]:
    """Write the report of an evaluation; return its JSON form and the paths of its files."""
    from metaadapter.bench.evaluation.folder import RECORD_FILE
    from metaadapter.bench.report.evaluation_run import EvaluationRun
    from metaadapter.bench.report.evaluation_views import markdown, page
    from metaadapter.bench.report.findings import find
    from metaadapter.bench.report.latex import latex
    from metaadapter.bench.report.template import thumbnails
    from metaadapter.files.checksums import write_document
    from metaadapter.files.output_folder import replace_file, require_own_or_empty, write_errors

    finished = EvaluationRun.read(run)
    if finished.config.several:
        raise UsageError(
            f"{run} is an evaluation of several labels, which has no report page; its figures are "
            "in summary.json and rows.csv"
        )
    result = find(finished)
    mistakes = [mistake for errors in result.sets for mistake in errors.mistakes]
    jpegs = thumbnails(mistakes, [Path(), *pictures])
    n_pictures = len({mistake["sha256"] for mistake in mistakes})
    if len(jpegs) < n_pictures:
        console.note(
            f"{len(jpegs)} of {n_pictures} pictures of mistakes were found; with --pictures FOLDER "
            "give the folder to which their paths are relative"
        )
    document = {"schema": "metaadapter.report/1", **result.to_dict()}
    with write_errors(f"the report into {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(folder, (RECORD_FILE, "report.json"), "report")
        # First, because it marks the folder as that of a report.
        write_document(folder / "report.json", document)
        replace_file(folder / "report.md", markdown(result))
        replace_file(folder / "report.tex", latex(result))
        # Last, because only the page needs a package that may be missing.
        replace_file(folder / "report.html", page(result, jpegs))
    return document, [str(folder / f"report.{kind}") for kind in ("html", "json", "md", "tex")]
