"""`PictureTask`: one task for a method that reads pictures, not only their features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float, Int
from torch import Tensor

from episodes import EpisodeRows
from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet, encoder_of_set
from metaadapter.data.decode import content_hash
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.prompts import readable_name

PictureAnswers = Callable[[Sequence[Path], Float[Tensor, "Q D"]], Float[Tensor, "Q N"]]
"""A function of picture files, and of their features from the frozen encoder; returns logits."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureTask:
    """A task with the files of its labelled pictures."""

    support: Support
    """Features of the labelled pictures and texts of the classes, from the frozen encoder."""
    paths: tuple[Path, ...]
    labels: Int[Tensor, " n"]
    """The class of each picture, 0 … N − 1."""
    names: tuple[str, ...]
    encoder: ImageEncoder


def picture_task(
    method: str, data: EvaluationSet, rows: EpisodeRows, support: Support
) -> PictureTask:
    """Return the single task of `rows` with its pictures, which `method` reads."""
    (support_NK,), (classes_N,) = rows.support_TNK, rows.classes_TN.tolist()
    is_picture_NK = support_NK >= 0
    return PictureTask(
        support=support,
        paths=files_of(method, data, support_NK[is_picture_NK]),
        labels=is_picture_NK.nonzero()[:, 0],
        names=tuple(readable_name(data.classes[number]) for number in classes_N),
        encoder=encoder_of_set(data, method),
    )


def files_of(method: str, data: EvaluationSet, pictures: Int[Tensor, " n"]) -> tuple[Path, ...]:
    """Return the files of a set's pictures; raise `DataError` if one is missing or has changed."""
    numbers = pictures.tolist()
    paths = tuple(Path(data.paths_n[number]) for number in numbers)
    for path, expected in zip(paths, data.contents_n[numbers], strict=True):
        try:
            content = content_hash(path)
        except UnreadableImage as error:
            raise DataError(
                f"{method} reads the pictures of the set {data.name} again, but {error}; give the "
                "command in the folder where they were encoded, encode them where they are now, or "
                f"leave {method} out of --methods"
            ) from error
        if content != expected:
            raise DataError(
                f"{method} reads the pictures of the set {data.name} again, but {path} has changed "
                "since it was encoded, or only a part of it was encoded; encode the pictures "
                f"again, or leave {method} out of --methods"
            )
    return paths
