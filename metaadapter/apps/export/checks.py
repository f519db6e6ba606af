"""The check that an exported adapter predicts what this library predicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps
from torch.nn.functional import interpolate

from metaadapter.adapter.known import known_threshold, place_of_none
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.reader import DEMO, read_images
from metaadapter.data.table import ImageRow
from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, require_some
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.prediction.predictions import best_classes, predict_probabilities

TOLERANCE = 0.005
"""The largest difference between two probabilities that passes the check: half a percentage point.

Another answer passes only where a difference of this size makes it. Real files differ by up to
0.001, because the last bit of a pixel and the half precision of features round otherwise.
"""
# The sizes of the batches, in this order; the last one repeats while there are rows.
BATCHES = (1, 7, 64)
N_DRAWN = sum(BATCHES)
MOST, MOST_OF_DEMO = 200, 30

Run: TypeAlias = Callable[[np.ndarray], Sequence[np.ndarray]]
"""Runs an exported adapter: takes a batch, returns the outputs that `models` names, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """The values of one output for a batch."""

    values: np.ndarray
    margins: np.ndarray | None = None
    """For answers of yes or no: how far a probability must move for the other answer."""

    def difference(self, actual: np.ndarray) -> float:
        """Return the largest difference; that of another answer is its margin."""
        if self.margins is not None:
            return float(np.where(actual == self.values, 0.0, self.margins).max())
        # NaN never passes.
        return float(np.nan_to_num(np.abs(self.values - actual), nan=np.inf).max())


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A batch and the outputs of the adapter for it, in the order of `models`."""

    batch: np.ndarray
    expected: tuple[Expected, ...]

    def __len__(self) -> int:
        return len(self.batch)


def feature_cases(stored: StoredAdapter) -> list[Case]:
    """Make batches of several sizes: features of the labelled pictures, if kept, or random rows."""
    if stored.support is not None and len(rows := stored.support.labelled_rows()[0]):
        features = rows.float().cpu().numpy()
    else:
        drawn = np.random.default_rng(0).standard_normal((N_DRAWN, stored.config.width))
        features = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    # A few rows are repeated until they fill the largest batch.
    features = np.resize(features, (max(len(features), N_DRAWN), features.shape[1]))
    cases: list[Case] = []
    start = 0
    while start < len(features):
        size = BATCHES[min(len(cases), len(BATCHES) - 1)]
        batch = features[start : start + size]
        cases.append(Case(batch, _expected(stored, batch)))
        start += size
    return cases


def picture_cases(
    stored: StoredAdapter, encoder: ImageEncoder, pictures: EncodedPictures
) -> Iterator[Case]:
    """Yield a batch of several pictures, then each picture alone, decoded when it is needed."""
    n_together = min(BATCHES[1], len(pictures))
    together = [np.array(decode_image(row.picture)) for row in pictures.rows[:n_together]]
    # All are cropped to the smallest height and width, because a batch has one size.
    height, width = (min(picture.shape[axis] for picture in together) for axis in (0, 1))
    batch = np.stack([picture[:height, :width] for picture in together])
    yield Case(batch, _expected(stored, encoder.encode_images(batch)))
    for number, row in enumerate(pictures.rows):
        features = pictures.features[number : number + 1]
        yield Case(np.array(decode_image(row.picture))[None], _expected(stored, features))


def square_cases(
    stored: StoredAdapter, encoder: ImageEncoder, pictures: EncodedPictures, side: int
) -> Iterator[Case]:
    """Yield the middle square of each picture, resized to `side` times `side` pixels."""
    for row in pictures.rows:
        square = ImageOps.fit(decode_image(row.picture), (side, side), Image.Resampling.BICUBIC)
        batch = np.array(square)[None]
        yield Case(batch, _expected(stored, encoder.encode_images(batch)))


def squashed_cases(
    stored: StoredAdapter, encoder: ImageEncoder, pictures: EncodedPictures, side: int
) -> Iterator[Case]:
    """Yield each picture as `squashed`, with its probabilities alone."""
    for row in pictures.rows:
        batch = squashed(np.array(decode_image(row.picture)), side)[None]
        yield Case(batch, _expected(stored, encoder.encode_images(batch))[:1])


def squashed(
    pixels: UInt8[np.ndarray, "height width 3"], side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """Resize a picture of any shape to a square without smoothing, as OpenCV does by default."""
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    square = interpolate(planes, (side, side), mode="bilinear")[0].permute(1, 2, 0)
    return square.round().to(torch.uint8).numpy()


def largest_difference(
    run: Run, cases: Iterable[Case], progress: Callable[[int], object] = lambda _: None
) -> float:
    """Return the largest difference of an output; `progress` gets the number of cases done."""
    largest = 0.0
    for number, case in enumerate(cases, 1):
        outputs = run(case.batch)[: len(case.expected)]  # without the features of pictures
        for expected, actual in zip(case.expected, outputs, strict=True):
            largest = max(largest, expected.difference(actual))
        progress(number)
    return largest


def require_same(difference: float, *, owner: str) -> None:
    """Raise an `IncompatibleArtifact` if the largest difference is above `TOLERANCE`."""
    if difference > TOLERANCE:
        raise IncompatibleArtifact(
            f"{owner} was not written: its answers differ from those of PyTorch by up to "
            f"{difference:.2g} in a probability, and at most {TOLERANCE:g} is allowed. The cause "
            "may be the version of torch, of the converter or of the runtime: try other versions, "
            "or export without --pixels"
        )


def _expected(stored: StoredAdapter, features: Float[np.ndarray, "n D"]) -> tuple[Expected, ...]:
    """Return what `predict` answers for features."""
    weights, classes = stored.weights, [str(label) for label in stored.config.classes]
    probabilities = predict_probabilities(features, weights)
    rows_NC = probabilities.classes_NC
    answers = best_classes(classes, probabilities, weights)
    if weights.label_thresholds is not None:
        shown_NC = [[label in (answer.labels or ()) for label in classes] for answer in answers]
        margins_NC = np.abs(rows_NC - weights.label_thresholds.double().numpy())
        return Expected(rows_NC), Expected(np.array(shown_NC), margins_NC)
    if weights.known_head is None:
        return (Expected(rows_NC),)
    known_N = np.array([answer.known for answer in answers])
    unfamiliar_N = np.array([answer.unfamiliar for answer in answers])
    towards_N = float(known_threshold(weights)) - known_N  # above 0: unfamiliar
    if (none := place_of_none(classes)) is not None:
        best_other_N = np.delete(rows_NC, none, axis=1).max(1, initial=0.0)
        # Both probabilities move.
        towards_N = np.maximum(towards_N, (rows_NC[:, none] - best_other_N) / 2)
    return Expected(rows_NC), Expected(known_N), Expected(unfamiliar_N, np.abs(towards_N))


def check_pictures(
    sources: Sequence[Path], encoder: ImageEncoder, support_hashes: Collection[str]
) -> EncodedPictures:
    """Encode at most 200 pictures of the sources, or 30 demo pictures if there is no source.

    Pictures of the support come first, then pictures from all parts of the sources.
    """
    rows = [
        row
        for source in sources or [DEMO]
        for row in read_images(source, labelled=False, n_classes=1).rows
    ]
    chosen = _chosen(rows, support_hashes if sources else (), MOST if sources else MOST_OF_DEMO)
    pictures = encode_rows(chosen, encoder, views=1, seed=0)
    require_some(len(chosen), pictures.quarantined)
    return pictures


def _chosen(
    rows: Sequence[ImageRow], support_hashes: Collection[str], most: int
) -> Sequence[ImageRow]:
    if len(rows) <= most:
        return rows
    in_support = [bool(support_hashes) and _hash(row) in support_hashes for row in rows]
    first = [row for row, is_known in zip(rows, in_support, strict=True) if is_known][:most]
    others = [row for row, is_known in zip(rows, in_support, strict=True) if not is_known]
    n_more = most - len(first)
    return [*first, *(others[number * len(others) // n_more] for number in range(n_more))]


def _hash(row: ImageRow) -> str:
    try:
        return content_hash(row.file)
    except UnreadableImage:
        return ""
