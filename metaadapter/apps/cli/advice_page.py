"""Advice on labelled pictures as one HTML page that needs no other file, no script, no network."""

from __future__ import annotations

from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from metaadapter.apps.advice.of_pictures import AdvisedPictures
from metaadapter.bench.report.template import render
from metaadapter.bench.report.thumbnails import thumbnails

# Kind → heading, and what the pictures below a sentence are.
KINDS = {
    "label": ("Labels that look wrong", ""),
    "near_duplicate": ("Nearly the same picture", ""),
    "name": ("Names that say something else", "What their classes look like."),
    "few_pictures": ("Classes that need pictures", "The pictures that the class has."),
    "confused": ("Classes that are hard to tell apart", "Their most similar pictures, in pairs."),
}
MOST_SHOWN = 12


def advice_page(source: str, found: AdvisedPictures) -> str:
    """Render the page; pictures are shown if their files are still there, byte for byte."""
    pictures = found.labelled.pictures
    shown = {number for advice in found.advice for number in advice.pictures[:MOST_SHOWN]}
    rows = [pictures.pictures[number]._asdict() for number in sorted(shown)]
    by_kind = groupby(found.advice, lambda advice: advice.kind)
    return render(
        "advice_page.html.jinja",
        (),
        source=source,
        found=found,
        pictures=pictures,
        sections=[(*KINDS[kind], [*those]) for kind, those in by_kind],
        jpegs=thumbnails(rows, [Path()]),
        most_shown=MOST_SHOWN,
        version=version("metaadapter"),
    )
