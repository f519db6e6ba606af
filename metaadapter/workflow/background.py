"""Pictures of nothing of interest, such as empty frames: a class that needs no name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.pool import draw_new, read_unlabelled

BACKGROUND = "background"
"""The label of such pictures."""
MOST_BACKGROUND = 100
"""The most such pictures that are used: more teach little, and slow each prediction."""


def with_background(
    labelled: LabelledPictures,
    source: Path,
    load: Callable[..., ImageEncoder],
    named: Collection[str],
    seed: int,
    progress: Callable[[Progress], None] | None,
) -> LabelledPictures:
    """The labelled pictures and those of `source`, labelled `BACKGROUND`.

    Args:
        labelled: The pictures of the classes.
        source: Pictures, a folder with all folders in it, a manifest or a feature store.
        load: `load_encoder` with its options.
        named: The labels of classes that have a name.
        seed: The seed that draws `MOST_BACKGROUND` of more pictures; a warning says so.
        progress: Called after each batch that is encoded.

    Raises:
        UsageError: A class has that label.
        DataError: No picture can be read, or all are labelled ones.
        IncompatibleArtifact: The store was made by another encoder.
    """
    if BACKGROUND in {*labelled.pictures.labels, *named}:
        raise UsageError(
            f"--background makes a class {BACKGROUND!r}, and there is one already; leave "
            "--background out, or give that class another name"
        )
    pictures = read_unlabelled(source, labelled, load, seed, progress)
    pictures = draw_new(pictures, labelled.pictures.sha256, MOST_BACKGROUND, seed, "background")
    if not len(pictures):
        raise DataError(f"--background {source}: all pictures in it are labelled ones")
    rows = tuple(picture._replace(label=BACKGROUND) for picture in pictures.pictures)
    parts = (labelled.pictures, replace(pictures, pictures=rows))
    width = labelled.pictures.features.shape[1]
    return replace(labelled, pictures=EncodedPictures.joined(parts, width=width))
