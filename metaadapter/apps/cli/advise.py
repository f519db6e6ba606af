"""`metaadapter doctor --advise`: what to do about labelled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metaadapter.apps.cli.console import Console, print_document, quarantined_json
from metaadapter.apps.cli.page_file import require_place

if TYPE_CHECKING:
    from metaadapter.apps.advice.of_pictures import AdvisedPictures

MAX_PICTURES_LISTED = 6


def advise_on(
    source: Path,
    console: Console,
    *,
    encoder: str | None,
    split: str | None,
    page_file: Path | None,
    json_output: bool,
) -> None:
    """Read labelled pictures as `adapt` does, print advice on them, and write the page."""
    if page_file is not None:
        require_place(page_file, "another --page")  # better told now than after encoding
    from metaadapter.apps.advice.of_pictures import advise_on_pictures
    from metaadapter.features.encoder_by_name import load_encoder

    with console.progress() as progress:
        found = advise_on_pictures(
            source, load_encoder, encoder=encoder, split=split, progress=progress
        )
    pictures = found.labelled.pictures
    warnings = pictures.warnings
    if found.shots is not None:
        warnings += (
            f"{len(pictures)} of the {found.n_listed} were drawn, at most {found.shots} of each "
            "class, because more cannot be looked at together",
        )
    console.warn_of_pictures("the labelled", warnings, pictures.quarantined)
    if page_file is not None:
        _write_page(page_file, source, found)
    if not json_output:
        console.result(*_lines(source, found))
        if page_file is not None:
            console.note(f"page: {page_file}")
        return
    document = {
        "support": str(source),
        "encoder": found.labelled.origin.encoder,
        "counts": found.labelled.counts,
        "advice": [
            {**advice._asdict(), "pictures": [pictures.paths[i] for i in advice.pictures]}
            for advice in found.advice
        ],
        "page": None if page_file is None else str(page_file),
        "warnings": warnings,
        "quarantined": quarantined_json(pictures.quarantined),
    }
    print_document("advice", document)


def _lines(source: Path, found: AdvisedPictures) -> list[str]:
    paths = found.labelled.pictures.paths
    of = f"{source}, {len(paths)} pictures of {len(found.labelled.counts)} classes"
    if not found.advice:
        return [f"{of}: there is nothing to advise"]
    lines = [f"{of}; what helps most comes first:"]
    for place, advice in enumerate(found.advice, 1):
        lines.append(f"{place}. {advice.sentence}")
        shown = [paths[number] for number in advice.pictures[:MAX_PICTURES_LISTED]]
        lines += [f"     {path}" for path in shown]
        if len(advice.pictures) > len(shown):
            lines.append(f"     … and {len(advice.pictures) - len(shown)} more")
    return lines


def _write_page(page_file: Path, source: Path, found: AdvisedPictures) -> None:
    from metaadapter.apps.cli.advice_page import advice_page
    from metaadapter.data.atomic_files import replace_file
    from metaadapter.data.output_folder import write_errors

    with write_errors(f"the page {page_file}", instead="choose another --page"):
        page_file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(page_file, advice_page(str(source), found))
