"""All that is asked about, answered part by part; answers of an earlier run are taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.field.answers import FieldOptions, answer_frames
from metaadapter.apps.field.frames import Frame, frames_of, in_parts, in_series, read_times
from metaadapter.features.encoded_pictures import EncodedPictures, require_some
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.pool import as_pool, predict_together
from metaadapter.workflow.prediction_journal import part_digest
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Asked, Prediction, Shares, predict_pictures
from metaadapter.workflow.queries import PICTURES_AT_ONCE, Queries, encode_queries, load_fitting
from metaadapter.workflow.tally import Tally


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked, of whom, and how.

    Attributes:
        queries: The pictures.
        stored: The adapter.
        load: Gives its encoder.
        asked: What is asked beside the labels.
        options: What is known beside the pictures.
        folders: Where the names in a detector's file may begin.
        burst: The most seconds between two frames of a series; None for no series.
        needs_times: Read when each frame was taken.
    """

    queries: Queries
    stored: StoredAdapter
    load: Callable[[], ImageEncoder]
    asked: Asked
    options: FieldOptions
    folders: Sequence[Path] = ()
    burst: float | None = None
    needs_times: bool = False

    def parts(self, progress: Callable[[Progress], None]) -> list[list[Frame]]:
        """The frames in the parts in which they are answered, each of whole series.

        Raises:
            DataError: The detector's file speaks of none of them.
        """
        rows, detections = self.queries.rows, self.options.detections
        if detections is not None:
            detections.require_some([row.path for row in rows], self.folders)
        frames = frames_of(rows, detections, self.folders)
        if self.needs_times:
            frames = read_times(frames, progress)
        alone = ([frame] for frame in frames)
        return [
            *in_parts(
                alone if self.burst is None else in_series(frames, self.burst), PICTURES_AT_ONCE
            )
        ]


@dataclass(slots=True)
class Answered:
    """The answers, and what is to be told of them.

    Attributes:
        stored: The adapter that gave them.
        tally: What is to be told at the end.
        kept: The predictions, where no table has them.
        table: Has them.
        parts: The frames, in the order of the answers.
        n_taken: Predictions of an earlier run.
    """

    stored: StoredAdapter
    tally: Tally
    kept: list[Prediction] = field(default_factory=list)
    table: PredictionTable | None = None
    parts: Sequence[Sequence[Frame]] = ()
    n_taken: int = 0

    def predictions(self) -> Iterator[Prediction]:
        """The predictions one by one, from memory or from the table, in their order."""
        if self.table is None or self.kept:
            yield from self.kept
            return
        in_support = frozenset(self.tally.in_support)
        for each in self.table.predictions():
            yield each._replace(in_support=each.path in in_support)


def answer_frames_of(
    questions: Questions,
    *,
    table: PredictionTable | None,
    progress: Callable[[Progress], None],
) -> Answered:
    """Answer pictures part by part; with a table no more than a part is in memory.

    Args:
        questions: What is asked.
        table: Takes the rows of each part, and tells which ones an earlier run has left.
        progress: Called while times are read, and after each batch that is encoded.

    Raises:
        DataError: Not one frame could be read.
        IncompatibleArtifact: The encoder is another one.
    """
    parts = questions.parts(progress)
    warnings = [*questions.queries.warnings, *_without_times(parts, questions.burst)]
    answered = Answered(questions.stored, Tally(warnings=warnings), table=table, parts=parts)
    encoder: ImageEncoder | None = None
    n_frames, n_before = sum(map(len, parts)), 0
    for part in parts:
        digest = part_digest(frame.row for frame in part) if table else ""
        tally = table.take(digest) if table else None
        if tally is not None:
            answered.n_taken += tally.n
        else:
            encoder = encoder or load_fitting(questions.stored.config, questions.load)

            def tell(moment: Progress, n_before: int = n_before, n: int = len(part)) -> None:
                if moment.stage == "encode":  # of boxes, of which a frame may have several
                    done = n_before + n * moment.done // max(moment.total, 1)
                    progress(replace(moment, done=done, total=n_frames))

            predictions, tally = answer_frames(
                part, questions.stored, encoder, questions.asked, questions.options, tell
            )
            if table:
                table.add(predictions, digest, tally)
            else:
                answered.kept += predictions
        answered.tally.add(tally)
        n_before += len(part)
    if not answered.tally.n:
        require_some(n_frames, answered.tally.unreadable)
    return answered


def _without_times(parts: Sequence[Sequence[Frame]], burst: float | None) -> list[str]:
    """What to say of frames that cannot be put into series."""
    frames = [frame for part in parts for frame in part]
    n = sum(frame.time is None for frame in frames)
    if burst is None or not n:
        return []
    return [
        f"{n} of {len(frames)} frames do not tell when they were taken (no EXIF time): each is a "
        "series of its own"
    ]


def answer_encoded(
    questions: Questions, together: Path | None, progress: Callable[[Progress], None]
) -> Answered:
    """Answer feature stores and the pictures beside them, or all pictures at once.

    Args:
        questions: What is asked.
        together: The adapter by its name, if it first learns from all the pictures; else None.
        progress: Called after each batch that is encoded.

    Raises:
        DataError: Not one picture could be read.
        IncompatibleArtifact: The encoder is another one.
    """
    stored, tally = questions.stored, Tally()
    parts = encode_queries(questions.queries, stored.config, questions.load, progress)
    if together is not None:
        whole = EncodedPictures.joined(parts, width=stored.config.width)
        pool, told = as_pool(whole, stored.picture_hashes, stored.config.origin.seed)
        stored, parts = predict_together(stored, pool, together), iter([whole])
        tally.warnings += told
    answered = Answered(stored, tally)
    species, classes = questions.options.species, [str(label) for label in stored.config.classes]

    def reconsider(shares: Shares) -> Shares:
        return replace(shares, classes_NC=species.among_allowed(shares.classes_NC, classes))

    for pictures in parts:
        found = predict_pictures(stored, pictures, questions.asked, reconsider)
        predictions = [species.rolled_up(each) for each in found]
        tally.add(Tally.of(predictions, pictures.warnings, pictures.quarantined))
        answered.kept += predictions
    return answered
