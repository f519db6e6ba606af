"""`metaadapter doctor`: check the installation, files, labelled pictures or an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Exit, Option

from metaadapter.apps.cli import field_options, options
from metaadapter.apps.cli.advise_labels import advise_labels
from metaadapter.apps.cli.command_guard import PAGE, Excludes, Needs, Output
from metaadapter.apps.cli.commands.advise import advise_on
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.apps.cli.doctor_checks import all_checks, file_checks
from metaadapter.errors import UsageError
from metaadapter.files.db_connection import ENDING
from metaadapter.files.salvage import salvage

MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}

Verify = Annotated[
    Path | None,
    Option(metavar="PATH", help="Check an artifact for damage instead."),
    Excludes(("--advise",)),
]
Advise = Annotated[
    Path | None,
    Option(
        metavar="SUPPORT",
        help="Advice on labelled pictures instead; with --label on which pictures to label.",
    ),
]
Page = Annotated[
    Path | None,
    Option(metavar="FILE", help="With --advise: also as an HTML page."),
    Output(PAGE),
    Needs("--advise"),
]
# A table of `--out` in which every label is still empty.
UNLABELLED = (
    rb"\Apath,label,box_left,box_top,box_width,box_height,camera,probably\r\n"
    rb'((?:"(?:[^"]|"")*"|[^",\r\n]*),,[^\r\n]*\r\n)*\Z'
)
Label = Annotated[
    int | None,
    Option(
        min=1,
        metavar="N",
        help="With --advise of unlabelled pictures: choose the N most worth a label.",
    ),
    Needs("--advise"),
]
TableFile = Annotated[
    Path | None,
    Option(
        "--out",
        "-o",
        metavar="FILE",
        help="With --label: a table (.csv) of the chosen pictures, to fill in. With --verify of a "
        "damaged database: a new one (.db) of what can be read.",
    ),
    Output(UNLABELLED, (".csv",), ending=(".csv", ENDING)),
]


def doctor(
    *,
    verify: Verify = None,
    advise: Advise = None,
    page: Page = None,
    label: Label = None,
    detections: Annotated[field_options.DetectionsFile, Needs("--label")] = None,
    min_confidence: field_options.MinConfidence = 0.2,
    out: TableFile = None,
    encoder: Annotated[options.Encoder, Needs("--advise")] = None,
) -> None:
    """Print versions, devices, caches and known conflicts.

    Or check files with --verify, or get advice on labelled pictures with --advise.

    The exit code is 1 if a problem prevents pictures from being classified, 3 if --verify finds a
    damaged file, and 0 otherwise.
    """
    from metaadapter.apps.cli.encoder_choice import read_encoder

    console, choice = Console(), read_encoder(encoder)
    saves = verify is not None and verify.suffix == ENDING
    if out is not None and label is None and not saves:
        raise UsageError(f"--out needs --label N, the number of pictures, or --verify FILE{ENDING}")
    if out is not None and (out.suffix == ENDING) is not saves:
        raise UsageError(f"--out {out} should be {f'a {ENDING}' if saves else 'a .csv'} file here")
    if label is not None and advise is not None:
        advise_labels(
            advise,
            label,
            console,
            choice=choice,
            detections=detections,
            min_confidence=min_confidence,
            csv_file=out,
            page_file=page,
        )
        return
    if advise is not None:
        advise_on(advise, console, choice=choice, page_file=page)
        return
    if out is not None and verify is not None:
        if out.exists():
            raise UsageError(f"--out {out} exists already; give the name of a new file")
        console.say(f"{salvage(verify, out)} records of {verify} are saved in {out}")
    checks = []
    for check in all_checks() if verify is None else file_checks(verify):
        checks.append(check)
        if not console.json_output:
            # The details of a file contain file names, in which a line break is escaped.
            lines = check.detail.split("\n") if verify is None else [check.detail]
            console.result(f"{MARKS[check.status]}  {check.name}: {lines[0]}", *lines[1:])
    healthy = all(check.status != "problem" for check in checks)
    if console.json_output:
        print_document("doctor", {"healthy": healthy, "checks": checks})
    if not healthy:
        raise Exit(1 if verify is None else 3)
