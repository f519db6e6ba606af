"""Advice on labelled pictures as one HTML page without other files, scripts or network."""

from __future__ import annotations

from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from metaadapter.apps.advice.advised_pictures import AdvisedPictures
from metaadapter.bench.report.template import render
from metaadapter.bench.report.thumbnails import thumbnails

# Kind → heading, and the meaning of the pictures below a sentence.
KINDS = {
    "label": ("Labels that look wrong", ""),
    "near_duplicate": ("Nearly the same picture", ""),
    "name": ("Names that do not fit", "Typical pictures of their classes."),
    "few_pictures": ("Classes that need pictures", "The pictures of the class."),
    "confused": ("Classes that are hard to tell apart", "Their most similar pictures, in pairs."),
}
MOST_SHOWN = 12


def advice_page(source: str, advised: AdvisedPictures) -> str:
    """Render the page; pictures are shown if their files are still there, byte for byte."""
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
