"""The step of `adapt` that trains parts of the encoder on the labelled pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.generator.pretrained import shared_generator
from metaadapter.labs.tuning.tune_inside import Inside, TunedInside, tune_inside
from metaadapter.workflow.class_texts import Texts
from metaadapter.workflow.labelled_pictures import LabelledPictures


@final
@dataclass(slots=True)
class TuningStep:
    """Trains adapters inside the image tower; the `tune` of `adapt`."""

    settings: Inside
    generator: str
    progress: Callable[[Progress], None]
    inside: TunedInside | None = None
    """The result of the training; the call sets it."""

    def __call__(self, labelled: LabelledPictures, texts: Texts | None) -> LabelledPictures:
        """Return the pictures with the tuned encoder, or unchanged if tuning does not help."""
        encoder, pictures, origin = labelled.encoder, labelled.pictures, labelled.origin
        if not isinstance(encoder, FrozenEncoder):
            raise UsageError(
                "--inside trains a part of an open_clip model, but the encoder "
                f"{origin.encoder} is of your own; leave --inside out, or name another encoder"
            )
        generator, _ = shared_generator(self.generator)
        self.inside = tuned = tune_inside(
            encoder,
            [row.picture for row in pictures.rows],
            pictures.labels,
            texts,
            self.settings,
            generator=generator,
            seed=origin.seed,
            progress=self.progress,
        )
        if tuned.config is None:
            return labelled
        adapted = with_towers(encoder, tuned.tensors, inside=tuned.config)
        encoded = encode_rows(
            pictures.rows, adapted, views=origin.n_views, seed=origin.seed, progress=self.progress
        )
        encoded = replace(encoded, quarantined=pictures.quarantined, warnings=pictures.warnings)
        return replace(labelled, pictures=encoded, encoder=adapted)
