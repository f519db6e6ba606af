"""Pictures of nothing of interest, such as empty frames: a class of its own that needs no name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.pool import read_pool

BACKGROUND = "background"
"""The label of such pictures."""
MOST_BACKGROUND = 100
"""The number of such pictures that are used: more teach little, and take time at every answer."""


def with_background(
    labelled: LabelledPictures,
    source: Path,
    load: Callable[..., ImageEncoder],
    *,
    named: Collection[str],
    seed: int,
    progress: Callable[[Progress], None],
) -> LabelledPictures:
    """The labelled pictures and those of `source`, labelled `BACKGROUND`.

    Args:
        labelled: The pictures of the classes.
        source: Pictures, a folder with all folders in it, a manifest or a feature store.
        load: `load_encoder`, its options given.
        named: Labels of classes that have a name.
        seed: Draws `MOST_BACKGROUND` of more; a warning tells.
        progress: Called after each batch that is encoded.

    Raises:
        UsageError: A class has that label.
        DataError: No picture can be read, or all are labelled ones.
        IncompatibleArtifact: A store was made by another encoder.
    """
    if BACKGROUND in {*labelled.pictures.labels, *named}:
        raise UsageError(
            f"--background makes a class {BACKGROUND!r}, and there is one already; leave "
            "--background out, or call that class otherwise"
        )
    found = read_pool(source, labelled.origin, load, labelled.encoder, seed=seed, progress=progress)
    seen, fresh = set(labelled.pictures.sha256), []
    for number, sha256 in enumerate(found.sha256):
        if not sha256 or sha256 not in seen:
            fresh.append(number)
            seen.add(sha256)
    if not fresh:
        raise DataError(f"--background {source}: all pictures in it are labelled ones")
    warnings = found.warnings
    if copies := len(found) - len(fresh):
        copied = f"{copies} background picture(s) are copies, of labelled ones or one another"
        warnings = (*warnings, f"{copied}, and were left out")
    drawn = np.random.default_rng(seed).permutation(fresh)[:MOST_BACKGROUND]
    if len(drawn) < len(fresh):
        told = (
            f"of {len(fresh)} background pictures {len(drawn)} are used, drawn by the seed {seed}"
        )
        warnings = (*warnings, told)
    chosen = found.select(sorted(drawn.tolist()))
    chosen = replace(
        chosen,
        pictures=tuple(it._replace(label=BACKGROUND) for it in chosen.pictures),
        warnings=warnings,
    )
    width = labelled.pictures.features.shape[1]
    return replace(
        labelled, pictures=EncodedPictures.joined((labelled.pictures, chosen), width=width)
    )
