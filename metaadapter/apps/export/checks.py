"""Whether an exported adapter answers as this library does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, UInt8

from metaadapter.adapter.known import known_probabilities
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import probabilities
from metaadapter.data.decode import decode_image
from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.image_encoder import ImageEncoder

TOLERANCE = 1e-4
"""The largest difference of a probability that counts as the same answer."""
# The sizes of batches that are asked, one after the other, as long as there are rows.
BATCHES = (1, 7, 64)
N_DRAWN = sum(BATCHES)

Run: TypeAlias = Callable[[np.ndarray], Sequence[np.ndarray]]
"""An exported adapter: from one batch to its outputs, in the order of `answers.OUTPUTS`."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A batch, and what this library answers to it: probabilities, and of being known if it can."""

    batch: np.ndarray
    expected: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.batch)


def feature_cases(stored: StoredAdapter) -> list[Case]:
    """The features of the labelled pictures in batches of several sizes.

    Of an adapter that was saved without them, rows drawn at random.
    """
    if stored.support is not None and len(rows := stored.support.labelled_rows()[0]):
        features = rows.float().cpu().numpy()
    else:
        drawn = np.random.default_rng(0).standard_normal((N_DRAWN, stored.config.width))
        features = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    # Few rows make no large batch, so they come again.
    features = np.resize(features, (max(len(features), N_DRAWN), features.shape[1]))
    cases: list[Case] = []
    start = 0
    while start < len(features):
        size = BATCHES[min(len(cases), len(BATCHES) - 1)]
        some = features[start : start + size]
        cases.append(Case(some, _expected(stored, some)))
        start += size
    return cases


def picture_cases(
    stored: StoredAdapter, encoder: ImageEncoder, pictures: EncodedPictures
) -> Iterator[Case]:
    """Each picture by itself, and some together; each is decoded when its turn comes."""
    together = min(BATCHES[1], len(pictures))
    yield _batch_of(stored, encoder, [_pixels(path) for path in pictures.paths[:together]])
    for number, path in enumerate(pictures.paths):
        features = pictures.features[number : number + 1]
        yield Case(_pixels(path)[None], _expected(stored, features))


def largest_difference(
    run: Run, cases: Iterable[Case], progress: Callable[[int], object] = lambda _: None
) -> float:
    """The largest difference of any probability; `progress` gets the number of each done case."""
    largest = 0.0
    for number, case in enumerate(cases, 1):
        found = run(case.batch)
        for ours, theirs in zip(case.expected, found, strict=False):
            # NaN is no agreement.
            largest = max(largest, float(np.nan_to_num(np.abs(ours - theirs), nan=np.inf).max()))
        progress(number)
    return largest


def require_same(difference: float, *, owner: str) -> None:
    """Check that an exported file, such as "the ONNX file hats.onnx", answers as PyTorch does.

    Raises:
        IncompatibleArtifact: It does not.
    """
    if difference > TOLERANCE:
        raise IncompatibleArtifact(
            f"{owner} was not written: its probabilities differ from those of PyTorch by up to "
            f"{difference:.2g}, and at most {TOLERANCE:g} was expected. A version of torch, "
            "onnxscript or onnxruntime may be at fault: try others, or export without --pixels"
        )


def _expected(stored: StoredAdapter, features: Float[np.ndarray, "n D"]) -> tuple[np.ndarray, ...]:
    rows, weights = torch.from_numpy(features), stored.weights
    answers = [probabilities(rows, weights).numpy()]
    if weights.known_head is not None:
        answers.append(known_probabilities(rows, weights).numpy())
    return tuple(answers)


def _pixels(path: str) -> UInt8[np.ndarray, "height width 3"]:
    return np.array(decode_image(path))


def _batch_of(stored: StoredAdapter, encoder: ImageEncoder, pictures: Sequence[np.ndarray]) -> Case:
    """Several pictures at once, cut to the size that all of them have."""
    height, width = (min(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    batch = np.stack([picture[:height, :width] for picture in pictures])
    return Case(batch, _expected(stored, encoder.encode_images(batch)))
