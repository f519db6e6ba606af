"""`metaadapter doctor`: check the installation, files, labelled pictures or an encoder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Exit, Option

from metaadapter.apps.cli import field_options, options
from metaadapter.apps.cli.advise import advise_on
from metaadapter.apps.cli.advise_labels import advise_labels
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.apps.cli.doctor_checks import all_checks, file_checks
from metaadapter.apps.cli.outputs import PAGE, Output
from metaadapter.errors import UsageError

MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}

Verify = Annotated[
    Path | None,
    Option(
        metavar="PATH",
        help="Instead, check files for damage: a skill file, or the folder of a store, an adapter, "
        "a library, a generator, an evaluation or a training run.",
    ),
]
Advise = Annotated[
    Path | None,
    Option(
        metavar="SUPPORT",
        help="Instead, give advice on labelled pictures that `adapt` can read: suspicious labels "
        "and names, classes that need more pictures or are easily confused, near-duplicates. With "
        "--label, advise which pictures to label.",
    ),
]
Page = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        help="With --advise: write the advice, or the pictures to label, to an HTML page.",
    ),
    Output(PAGE),
]
# A table of `--csv` in which every label is still empty.
UNLABELLED = (
    rb"\Apath,label,box_left,box_top,box_width,box_height,camera,probably\r\n"
    rb'((?:"(?:[^"]|"")*"|[^",\r\n]*),,[^\r\n]*\r\n)*\Z'
)
Label = Annotated[
    int | None,
    Option(
        min=1,
        metavar="N",
        help="With --advise: its pictures have no labels yet; choose the N that are most worth a "
        "label. Of a camera's frames within a minute, at most one is chosen.",
    ),
]
Csv = Annotated[
    Path | None,
    Option(
        "--csv",
        metavar="FILE.csv",
        help="With --label: write a table of the chosen pictures, for `adapt` once its labels are "
        "filled in. A table with labels is never replaced.",
    ),
    Output(UNLABELLED),
]
Places = Annotated[
    str | None,
    Option(
        metavar="ENCODER",
        help="Instead, list the places for adapters inside the towers of an open_clip encoder: the "
        "blocks of its image tower and of its text tower.",
    ),
]


def doctor(
    *,
    verify: Verify = None,
    advise: Advise = None,
    page: Page = None,
    label: Label = None,
    detections: field_options.DetectionsFile = None,
    min_confidence: field_options.MinConfidence = 0.2,
    csv_file: Csv = None,
    places: Places = None,
    encoder: options.EncoderOfPictures = None,
    split: options.Split = None,
    json_output: options.Json = False,
) -> None:
    """Print versions, devices, caches and known conflicts.

    Or check files with --verify, get advice on labelled pictures with --advise, or list the places
    for adapters inside an encoder with --places.

    The exit code is 1 if a problem prevents pictures from being classified, 3 if --verify finds a
    damaged file, and 0 otherwise.
    """
    console = Console(json_output=json_output)
    given = {"--advise": advise, "--verify": verify, "--places": places}
    if len(chosen := [name for name, value in given.items() if value is not None]) > 1:
        raise UsageError(f"{' and '.join(chosen)} check different things; give one of them")
    if label is None and (detections is not None or csv_file is not None):
        raise UsageError("--detections and --csv need --label N, the number of pictures to label")
    if label is not None:
        if advise is None or split is not None:
            raise UsageError("--label needs --advise PICTURES, and excludes --split")
        advise_labels(
            advise,
            label,
            console,
            encoder=encoder,
            detections=detections,
            min_confidence=min_confidence,
            csv_file=csv_file,
            page_file=page,
            json_output=json_output,
        )
        return
    if advise is not None:
        advise_on(
            advise, console, encoder=encoder, split=split, page_file=page, json_output=json_output
        )
        return
    if page is not None or encoder is not None or split is not None:
        raise UsageError("--page, --encoder and --split need --advise")
    if places is not None:
        _list_places(places, console, json_output=json_output)
        return
    checks = []
    for check in all_checks() if verify is None else file_checks(verify):
        checks.append(check)
        if not json_output:
            # The details of a file contain file names, in which a line break is escaped.
            lines = check.detail.split("\n") if verify is None else [check.detail]
            console.result(f"{MARKS[check.status]}  {check.name}: {lines[0]}", *lines[1:])
    healthy = all(check.status != "problem" for check in checks)
    if json_output:
        print_document("doctor", {"healthy": healthy, "checks": [*map(asdict, checks)]})
    if not healthy:
        raise Exit(1 if verify is None else 3)


def _list_places(name: str, console: Console, *, json_output: bool) -> None:
    from metaadapter.features.encoder import FrozenEncoder
    from metaadapter.features.encoder_by_name import load_encoder
    from metaadapter.features.towers.places import find_places

    encoder = load_encoder(name)
    if not isinstance(encoder, FrozenEncoder):
        raise UsageError(
            f"the encoder {name} is your own code, and only models of open_clip have places for "
            "adapters; give one, such as tiny, ViT-B-32/laion2b_s34b_b79k, or a folder with a model"
        )
    places = find_places(encoder.copied_network())
    if json_output:
        keys = ("tower", "name", "shape", "width", "is_map", "ends_stage")
        rows = [{key: getattr(place, key) for key in keys} for place in places]
        print_document("places", {"encoder": encoder.name, "places": rows})
        return
    table = []
    for place in places:
        form = "map" if place.is_map else "tokens" if len(place.shape) == 2 else ""
        output = f"{' × '.join(map(str, place.shape))} ({form or 'map, channels last'})"
        table.append((place.tower, place.name, output, "yes" if place.ends_stage else ""))
    console.table(("tower", "place", "output", "ends a stage"), table)
    n_image = sum(place.tower == "image" for place in places)
    console.note(
        f"{encoder.name}: {len(places)} places (image {n_image}, text {len(places) - n_image})"
    )
