"""`metaadapter study`: measure how well species are recognized on labelled frames."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from metaadapter.apps.cli import evaluate as own
from metaadapter.apps.cli import field_options, options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.outputs import Output
from metaadapter.apps.cli.report import write_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaadapter.bench.scenes.study import StudyResult
    from metaadapter.data.table import ImageTable

STORE, EVALUATION = "frames", "evaluation"
"""The folders of a study: the feature store of its frames, and its evaluation."""


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
    detections: field_options.LabelledDetections = None,
    pictures: field_options.PicturesOfBoxes = None,
    min_confidence: field_options.MinConfidence = 0.2,
    methods: own.Methods = None,
    shots: Annotated[
        str, Option(metavar="K,…", help="Numbers of labelled frames of each class, one or several.")
    ] = "1,4,16",
    draws: Annotated[int, Option(min=1, help="Number of draws of scenes.")] = 20,
    encoder: options.Encoder = None,
    jobs: own.Jobs = None,
) -> None:
    """Measure how well methods identify species on labelled frames.

    The command encodes the frames, divides them into scenes, and evaluates methods by scene: no
    scene has both labelled frames and queries. It writes a page on species, false alarms and missed
    animals, with a paragraph for a methods section, and the report of the evaluation. The same
    command continues after an interruption.
    """
    console = Console()
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.apps.field.frames import Frame, read_times
    from metaadapter.bench.scenes.study import in_scenes, study_config, study_result
    from metaadapter.data.class_names import require_own_spelling
    from metaadapter.data.output_folder import require_own_or_empty, write_errors
    from metaadapter.data.reader import read_images
    from metaadapter.features.store.encode_to_store import encode_to_store

    choice, names = read_encoder(encoder), own.names(methods) or ["default", "peers"]
    config = study_config(out / STORE, names, own.whole_numbers(shots) or [], draws)
    of_boxes = field_options.of_boxes(pictures, detections, [frames])
    table = read_images(frames, pictures=of_boxes, min_confidence=min_confidence)
    require_own_spelling(table.classes, f"labels of {frames}")
    with write_errors(f"the study into {out}"):
        out.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(out, (STORE, "study.json"), "study")
    with console.progress():
        table = in_scenes(table, read_times([Frame(row) for row in table.rows]))
        table = field_options.cut_labelled(table, pictures or frames, detections, min_confidence)
        loaded = choice.load(of_places=True)
        report = encode_to_store(
            table,
            loaded,
            out / STORE,
            views=choice.views or 1,
            seed=choice.seed,
        )
    about = console.warn_of_pictures("the labelled", table.warnings, report.quarantined)
    evaluation = own.run_evaluation(config, out / EVALUATION, console, jobs)
    result = study_result(evaluation, str(frames), _boxes(table, detections, min_confidence))
    _show(console, out, result, table, about)


def _show(
    console: Console,
    out: Path,
    result: StudyResult,
    table: ImageTable,
    about: Mapping[str, Any],
) -> None:
    """Write the files of the study, and print the result."""
    from metaadapter.bench.scenes.page import f1_rows, study_markdown, study_page
    from metaadapter.data.checksums import write_document
    from metaadapter.data.crop import Crop
    from metaadapter.data.output_folder import replace_file, write_errors

    document = {"schema": "metaadapter.study/1", **result.to_dict()}
    with write_errors(f"the study into {out}"):
        write_document(out / "study.json", document)
        replace_file(out / "study.md", study_markdown(result))
    # Last, because only pages need a package that may be missing.
    crops = defaultdict[str, list[Crop]](list)
    for row in table.rows:
        if isinstance(row.picture, Crop):
            crops[str(row.path)].append(row.picture)
    _, files = write_report(out / EVALUATION, out / EVALUATION, [], console, crops)
    with write_errors(f"the study into {out}"):
        replace_file(out / "study.html", study_page(result))
    files = [*(str(out / f"study.{kind}") for kind in ("html", "md", "json")), *files]
    titles = ["macro-F1 in %", *map(str, result.shots)]
    more = {"files": files, "quarantined": about["quarantined"]}
    console.show_table("study", {**more, **document}, titles, f1_rows(result))
    console.note("wrote " + ", ".join(files))


def _boxes(table: ImageTable, detections: Path | None, min_confidence: float) -> str:
    """Return how frames were cut to boxes, for a methods section."""
    n_boxed = sum(row.box is not None for row in table.rows)
    if not n_boxed:
        return "whole, without a detector"
    source = "of the manifest" if detections is None else f"of {detections.name}"
    least = "" if detections is None else f" with a confidence of {min_confidence} or more"
    return (
        f"{n_boxed} of them cut to the most confident box {source}{least}, as a square with a "
        f"margin, and {len(table.rows) - n_boxed} whole"
    )
