"""`metaadapter study`: measure how well species are recognized on labelled frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document, quarantined_json
from metaadapter.apps.cli.outputs import Output
from metaadapter.errors import UsageError


def study(
    frames: Annotated[
        Path,
        Argument(
            metavar="FRAMES",
            help="Labelled frames: a folder with a folder for each species, and one called empty, "
            "blank or background for frames without an animal; or a manifest.",
        ),
    ],
    *,
    out: Annotated[
        Path, Option("--out", "-o", metavar="FOLDER", help="Folder of the study."), Output()
    ],
    shots: Annotated[
        str, Option(metavar="K,…", help="Numbers of labelled frames of each class, one or several.")
    ] = "1,4,16",
    draws: Annotated[
        int,
        Option(
            min=1,
            help="Number of draws of scenes; the tower is fine-tuned on the first three draws.",
        ),
    ] = 20,
    encoder: options.Encoder = "tiny",
    seed: options.Seed = 0,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure how well methods identify species on labelled frames.

    The command writes a report page. It compares, on the same draws, metaadapter with and without
    the unlabelled frames, zero-shot CLIP, CLIP-Adapter, a logistic probe and a fine-tuned image
    tower. No scene has both labelled frames and queries. The same command continues after an
    interruption.
    """
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.bench.scenes.page import f1_rows, study_markdown, study_page
    from metaadapter.bench.scenes.run import CELLS_FILE, StudyConfig, run_study
    from metaadapter.data.checksums import write_document
    from metaadapter.data.output_folder import replace_file, require_own_or_empty, write_errors
    from metaadapter.data.reader import read_images
    from metaadapter.features.encoder import FrozenEncoder

    config = StudyConfig(_numbers(shots), draws, seed)
    table = read_images(frames)
    loaded = FrozenEncoder.load(encoder)
    with write_errors(f"the study into {out}"):
        out.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(out, (CELLS_FILE, "study.json"), "study")
        with console.progress() as progress, console.counting("measuring") as tell:
            result, unreadable = run_study(
                table, frames, config, loaded, out, progress=progress, tell=tell, note=console.warn
            )
        document = {"schema": "metaadapter.study/1", **result.to_dict()}
        write_document(out / "study.json", document)
        replace_file(out / "study.md", study_markdown(result))
        replace_file(out / "study.html", study_page(result))
    files = [str(out / f"study.{kind}") for kind in ("html", "md", "json")]
    console.warn_of_pictures("the labelled", table.warnings, unreadable)
    if json_output:
        more = {"files": files, "quarantined": quarantined_json(unreadable)}
        print_document("study", {**more, **document})
        return
    console.table(["macro-F1 in %", *map(str, result.shots)], f1_rows(result))
    console.note("wrote " + ", ".join(files))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise UsageError(
            f"--shots {text!r}: expected whole numbers from 1, separated by commas, such as 1,4,16"
        )
    return tuple(numbers)
