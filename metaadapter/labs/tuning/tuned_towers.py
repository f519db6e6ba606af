"""Labelled pictures as an encoder sees them whose towers were tuned to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.generator.pretrained import shared_generator
from metaadapter.labs.tuning.inside import Inside, TunedInside, tune_inside
from metaadapter.workflow.labelled_pictures import LabelledPictures


def tune_towers(
    labelled: LabelledPictures,
    names: Mapping[str, str | list[str]] | None,
    settings: Inside,
    *,
    generator: str,
    progress: Callable[[Progress], None],
) -> tuple[LabelledPictures, TunedInside]:
    """Train adapters inside the towers on labelled pictures, and look at these anew.

    Args:
        labelled: The pictures, which are no feature store, as the encoder sees them.
        names: As for `fit_adapter`.
        settings: How they are trained.
        generator: The name of what predicts adapters.
        progress: Told of the pictures that are prepared, of the steps, and of the new look.

    Returns:
        The pictures as the tuned encoder sees them, with that encoder and the origin of the base;
        as they were where left-out pictures do not bear it out. And what training gave.

    Raises:
        UsageError: The encoder is no model of open_clip in float32, or has no places for adapters.
    """
    encoder, pictures, origin = labelled.encoder, labelled.pictures, labelled.origin
    if not isinstance(encoder, FrozenEncoder):
        raise UsageError(
            f"adapters stand inside the models of open_clip, and the encoder {origin.encoder} is "
            "of your own; leave --inside out, or name another encoder"
        )
    loaded, _ = shared_generator(generator)
    tuned = tune_inside(
        encoder,
        [row.picture for row in pictures.rows],
        pictures.labels,
        names,
        settings,
        generator=loaded,
        seed=origin.seed,
        progress=progress,
    )
    if tuned.config is None:
        return labelled, tuned
    adapted = with_towers(encoder, tuned.tensors, inside=tuned.config)
    seen = encode_rows(
        pictures.rows, adapted, views=origin.n_views, seed=origin.seed, progress=progress
    )
    told = replace(seen, quarantined=pictures.quarantined, warnings=pictures.warnings)
    return replace(labelled, pictures=told, encoder=adapted), tuned
