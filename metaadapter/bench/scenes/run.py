"""The study from labelled frames to its result."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from metaadapter.apps.field.frames import Frame, read_times
from metaadapter.apps.field.species import is_nothing
from metaadapter.bench.scenes.cells import Cell, CellFile
from metaadapter.bench.scenes.draws import Draw, draw_scenes
from metaadapter.bench.scenes.figures import measure_answers
from metaadapter.bench.scenes.methods import METHODS, TOWER, Frames, answer_by
from metaadapter.bench.scenes.result import StudyResult, summarise
from metaadapter.bench.scenes.scenes import HOW, scenes_of
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageTable
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress

CELLS_FILE = "cells.jsonl"
PACKAGES = ("metaadapter", "torch", "numpy", "scikit-learn")
# Fine-tuning takes a hundred times as long as the others together.
TOWER_DRAWS = 3


@dataclass(frozen=True, slots=True)
class StudyConfig:
    """The settings of a study.

    Attributes:
        shots: Labelled frames of each class.
        n_draws: How often scenes are divided; the fine-tuned tower sees the first three.
        seed: Of the draws.
    """

    shots: tuple[int, ...]
    n_draws: int
    seed: int


def run_study(
    table: ImageTable,
    source: Path,
    config: StudyConfig,
    encoder: FrozenEncoder,
    out: Path,
    *,
    progress: Callable[[Progress], None],
    counted: Callable[[int, int], None],
) -> tuple[StudyResult, tuple[UnreadableImage, ...]]:
    """Measure all cells that `out` does not have yet.

    Args:
        table: Labelled frames.
        source: Where they are, for the report.
        config: The settings of the study.
        encoder: The encoder of all methods, and the tower that is fine-tuned.
        out: The folder of the study, which exists.
        progress: Called while times are read and frames are encoded.
        counted: Called with the number of cells that are measured, and of all.

    Returns:
        The result, and the frames that could not be read.

    Raises:
        DataError: A class has too few scenes.
        UsageError: No class is of frames without an animal alone, or fewer than two species.
    """
    background = [label for label in table.classes if is_nothing(label)]
    if len(table.classes) - len(background) < 2:
        raise UsageError(
            f"a study needs at least two species, but the classes are {', '.join(table.classes)}"
        )
    encoded = encode_rows(table.rows, encoder, views=1, seed=0, progress=progress)
    lost = {str(each.path) for each in encoded.quarantined}
    rows = [row for row in table.rows if str(row.path) not in lost]
    timed = read_times([Frame(row) for row in rows], progress)
    labels, scenes = list(encoded.labels), scenes_of(timed).tolist()
    texts = dict(zip(table.classes, encoder.encode_texts(table.classes), strict=True))

    def pictures(numbers: Sequence[int]) -> list[Image.Image]:
        return [decode_image(rows[number].picture) for number in numbers]

    frames = Frames(
        encoded.features, pictures, labels, texts, encoder, encoder.blocks, encoder.logit_scale
    )
    draws = [
        draw_scenes(labels, scenes, max(config.shots), config.seed + number)
        for number in range(config.n_draws)
    ]
    cells = [
        Cell(method, k, number)
        for number in range(config.n_draws)
        for k in config.shots
        for method in METHODS
        if method != TOWER or number < TOWER_DRAWS
    ]
    # More draws keep the first ones, so that their number is no part of it.
    facts = (encoded.pictures, scenes, encoder.fingerprint, max(config.shots), config.seed)
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()
    file = CellFile(out / CELLS_FILE, digest)
    for number, cell in enumerate(cells, start=1):
        if cell not in file.cells:
            file.add(cell, _measured(cell, frames, draws[cell.draw], background, config.seed))
        counted(number, len(cells))
    wanted = {cell: file.cells[cell] for cell in cells}
    result = StudyResult(
        source=str(source),
        counts=dict(sorted(Counter(labels).items())),
        n_scenes=dict(
            sorted(Counter(label for label, _ in {*zip(labels, scenes, strict=True)}).items())
        ),
        background=background,
        shots=config.shots,
        learned={k: float(np.mean([len(draw.shots(k)) for draw in draws])) for k in config.shots},
        n_queries=float(np.mean([len(draw.queries) for draw in draws])),
        methods=METHODS,
        encoder=encoder.name,
        how=HOW,
        seed=config.seed,
        versions={name: version(name) for name in PACKAGES},
        **summarise(wanted, METHODS, config.shots),
    )
    return result, encoded.quarantined


def _measured(cell: Cell, frames: Frames, draw: Draw, background: Sequence[str], seed: int) -> Any:
    shots = draw.shots(cell.n_shot)
    found = answer_by(cell.method, frames, shots, draw.queries, seed + cell.draw)
    true = [frames.labels[number] for number in draw.queries]
    return measure_answers(true, found.labels, background, found.seconds, found.trained)
