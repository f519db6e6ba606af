"""`metaadapter doctor --advise`: advice on labelled pictures, and its page."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from metaadapter.apps.cli.adapt_output import expected_lines
from metaadapter.apps.cli.console import Console

if TYPE_CHECKING:
    from metaadapter.apps.advice.advise import AdvisedPictures
    from metaadapter.apps.cli.encoder_choice import EncoderChoice

MAX_PICTURES_LISTED = 6

# Kind → heading, and what the pictures below a sentence are.
KINDS = {
    "stranger": ("Pictures that look like none of the classes", ""),
    "label": ("Labels that look wrong", ""),
    "near_duplicate": ("Nearly the same picture", ""),
    "name": ("Names that do not fit", "Typical pictures of their classes."),
    "few_pictures": ("Classes that need pictures", "The pictures of the class."),
    "confused": ("Classes that are hard to tell apart", "Their most similar pictures, in pairs."),
}
MOST_SHOWN = 12


def advise_on(
    source: Path,
    console: Console,
    *,
    choice: EncoderChoice,
    page_file: Path | None,
) -> None:
    """Read labelled pictures as `adapt` does, print advice on them, and write the page."""
    from metaadapter.apps.advice.advise import advise_on_pictures

    with console.progress():
        advised = advise_on_pictures(
            source,
            partial(choice.loader, templates=choice.templates),
            choice.selection(),
            encoder=choice.encoder,
            reads_names=choice.templates is not None,
        )
    pictures = advised.labelled.pictures
    warnings = pictures.warnings
    if advised.shots is not None:
        warnings += (
            f"{len(pictures)} of the {advised.n_listed} were drawn, at most {advised.shots} from "
            "each class, because no more pictures can be compared with one another",
        )
    about = console.warn_of_pictures("the labelled", warnings, pictures.quarantined)
    if page_file is not None:
        write_page(console, page_file, advice_page(str(source), advised))
    document = {
        "support": source,
        "encoder": advised.labelled.origin.encoder,
        "counts": advised.labelled.counts,
        "advice": [
            {**asdict(advice), "pictures": [pictures.paths[i] for i in advice.pictures]}
            for advice in advised.advice
        ],
        "forecast": [one._asdict() for one in advised.forecast],
        "page": page_file,
        **about,
    }
    console.show_result("advice", document, *_lines(source, advised))


def _lines(source: Path, advised: AdvisedPictures) -> list[str]:
    paths = advised.labelled.pictures.paths
    summary = f"{source}, {len(paths)} pictures of {len(advised.labelled.counts)} classes"
    expected = expected_lines(advised.forecast)
    if not advised.advice:
        return [f"{summary}: there is nothing to advise", *expected]
    lines = [f"{summary}; the most helpful advice first:"]
    for place, advice in enumerate(advised.advice, 1):
        lines.append(f"{place}. {advice.sentence}")
        listed = [paths[number] for number in advice.pictures[:MAX_PICTURES_LISTED]]
        lines += [f"     {path}" for path in listed]
        if len(advice.pictures) > len(listed):
            lines.append(f"     … and {len(advice.pictures) - len(listed)} more")
    return [*lines, *expected]


def write_page(console: Console, page_file: Path, page: str) -> None:
    """Write an HTML page, and its folder if needed."""
    from metaadapter.files.output_folder import write_errors, write_output

    with write_errors(f"the page {page_file}", instead="choose another --page"):
        page_file.parent.mkdir(parents=True, exist_ok=True)
        write_output(page_file, page)
    console.note(f"page: {page_file}")


def advice_page(source: str, advised: AdvisedPictures) -> str:
    """Render the page; a picture is shown if its file has not changed."""
    from metaadapter.bench.report.template import render, thumbnails

    pictures = advised.labelled.pictures
    shown = {number for advice in advised.advice for number in advice.pictures[:MOST_SHOWN]}
    rows = [pictures.pictures[number]._asdict() for number in sorted(shown)]
    by_kind = groupby(advised.advice, lambda advice: advice.kind)
    return render(
        "advice_page.html.jinja",
        (),
        source=source,
        advised=advised,
        pictures=pictures,
        sections=[(*KINDS[kind], [*advice]) for kind, advice in by_kind],
        jpegs=thumbnails(rows, [Path()]),
        most_shown=MOST_SHOWN,
        version=version("metaadapter"),
    )
