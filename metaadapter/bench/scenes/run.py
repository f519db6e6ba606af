"""Runs a study from labelled frames to its result; a repeated run continues."""

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
from metaadapter.bench.evaluation.cell import Cell, Tables
from metaadapter.bench.evaluation.journal import CellJournal
from metaadapter.bench.scenes.methods import (
    METHODS,
    OURS,
    TOWER,
    Frames,
    answer_by,
    measure_answers,
)
from metaadapter.bench.scenes.result import STORE, StudyResult, summarise
from metaadapter.bench.scenes.scenes import HOW, Draw, draw_scenes, scenes_of
from metaadapter.data.code_identity import code_identity
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageTable
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.generator.pretrained import shared_generator

CELLS_FILE = "cells.jsonl"
PACKAGES = ("metaadapter", "torch", "numpy", "scikit-learn")
# Fine-tuning takes a hundred times as long as all other methods together.
TOWER_DRAWS = 3


@dataclass(frozen=True, slots=True)
class StudyConfig:
    """The configuration of a study; the tower is fine-tuned on the first three draws."""

    shots: tuple[int, ...]
    n_draws: int
    seed: int

    def cells(self) -> list[Cell]:
        """All cells, draw by draw; the seed of a cell is the number of its draw."""
        return [
            Cell(method, STORE, n_shot, draw)
            for draw in range(self.n_draws)
            for n_shot in self.shots
            for method in METHODS
            if method != TOWER or draw < TOWER_DRAWS
        ]


def run_study(
    table: ImageTable,
    source: Path,
    config: StudyConfig,
    encoder: FrozenEncoder,
    out: Path,
    *,
    progress: Callable[[Progress], None],
    tell: Callable[[int, int], None],
    note: Callable[[str], None],
) -> tuple[StudyResult, tuple[UnreadableImage, ...]]:
    """Run a study; return its result, and the frames that cannot be read.

    `source` is the folder or manifest of the frames, which the report names; `tell` and `note` are
    those of `CellJournal.measure_missing`.
    """
    background = [label for label in table.classes if is_nothing(label)]
    if len(table.classes) - len(background) < 2:
        raise UsageError(
            f"a study needs at least two species, but the classes are {', '.join(table.classes)}"
        )
    encoded = encode_rows(table.rows, encoder, views=1, seed=0, progress=progress)
    rows, labels = encoded.rows, list(encoded.labels)
    scenes = scenes_of(read_times([Frame(row) for row in rows], progress)).tolist()

    def pictures(numbers: Sequence[int]) -> list[Image.Image]:
        return [decode_image(rows[number].picture) for number in numbers]

    frames = Frames(
        encoded.features,
        pictures,
        labels,
        dict(zip(table.classes, encoder.encode_texts(table.classes), strict=True)),
        encoder,
        encoder.blocks,
        encoder.logit_scale,
    )
    draws = [
        draw_scenes(labels, scenes, max(config.shots), config.seed + number)
        for number in range(config.n_draws)
    ]

    def measure(cell: Cell) -> Tables:
        draw, seed = draws[cell.seed], config.seed + cell.seed
        answers = answer_by(cell.method, frames, draw.shots(cell.n_shot), draw.queries, seed)
        true = [labels[number] for number in draw.queries]
        return {"rows": measure_answers(true, answers, background)}

    # The number of draws is left out, because the first draws stay if there are more.
    facts = (encoded.pictures, scenes, encoder.fingerprint, max(config.shots), config.seed)
    study = hashlib.sha256(repr(facts).encode()).hexdigest()
    cells, journal = config.cells(), open_cells(out / CELLS_FILE, study, note)
    generator = shared_generator("default")[1]
    journal.measure_missing(
        cells,
        {method: generator if method in OURS else "" for method in METHODS},
        code_identity(draw_scenes, measure_answers),
        # One after the other with all threads, since a single tower takes minutes to train.
        lambda missing: ((cell, measure(cell)) for cell in missing),
        tell=tell,
        note=note,
    )
    result = StudyResult(
        source=str(source),
        background=background,
        encoder=encoder.name,
        **_sizes(labels, scenes, draws, config.shots),
        **summarise(journal.results[cell] for cell in cells),
        shots=config.shots,
        methods=METHODS,
        how=HOW,
        seed=config.seed,
        versions={name: version(name) for name in PACKAGES},
    )
    return result, encoded.quarantined


def open_cells(path: Path, study: str, note: Callable[[str], None]) -> CellJournal:
    """Open the journal of a study; cells of another study or an earlier version do not count.

    `study` is a text that changes with the frames, the encoder and the draws.
    """
    journal = CellJournal(path, {"schema": "metaadapter.study_cells/2", "study": study})
    if path.exists() and not journal.results:
        note(f"{path} holds no cell of this study from this version; all cells are measured again")
    return journal


def _sizes(
    labels: Sequence[str], scenes: Sequence[int], draws: Sequence[Draw], shots: Sequence[int]
) -> dict[str, Any]:
    """Return the numbers of frames and scenes of each class, and the mean sizes of draws."""
    pairs = {*zip(labels, scenes, strict=True)}
    return {
        "counts": dict(sorted(Counter(labels).items())),
        "n_scenes": dict(sorted(Counter(label for label, _ in pairs).items())),
        "learned": {k: float(np.mean([len(draw.shots(k)) for draw in draws])) for k in shots},
        "n_queries": float(np.mean([len(draw.queries) for draw in draws])),
    }
