"""The step of `adapt` that trains parts of the encoder on the labelled pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.prompts import readable_name
from metaadapter.features.towers.prompted_encoder import PromptedEncoder
from metaadapter.generator.pretrained import shared_generator
from metaadapter.labs.tuning.tune_inside import Inside, TunedInside, tune_inside
from metaadapter.labs.tuning.tune_soft_prompt import SoftPrompt, TunedPrompt, tune_prompt
from metaadapter.workflow.class_texts import Texts
from metaadapter.workflow.labelled_pictures import LabelledPictures


@final
@dataclass(slots=True)
class TuningStep:
    """Trains adapters inside the image tower, learns a prompt, or both; the `tune` of `adapt`."""

    settings: Inside | None
    """`None` trains no adapters inside the tower."""
    n_context: int | None
    """The number of learned vectors before each name; `None` learns no prompt."""
    generator: str
    progress: Callable[[Progress], None]
    inside: TunedInside | None = None
    """The result of training inside the tower; the call sets it, and likewise `prompt`."""
    prompt: TunedPrompt | None = None

    def __call__(self, labelled: LabelledPictures, texts: Texts | None) -> LabelledPictures:
        """Return the pictures with the tuned encoder, or unchanged if tuning does not help."""
        if self.settings is not None:
            labelled = self._train_inside(labelled, texts, self.settings)
        if self.n_context is not None:
            labelled = self._learn_prompt(labelled, texts or {}, self.n_context)
        return labelled

    def _train_inside(
        self, labelled: LabelledPictures, texts: Texts | None, settings: Inside
    ) -> LabelledPictures:
        encoder, pictures, origin = labelled.encoder, labelled.pictures, labelled.origin
        if not isinstance(encoder, FrozenEncoder):
            raise _not_open_clip("--inside", origin.encoder)
        generator, _ = shared_generator(self.generator)
        self.inside = tuned = tune_inside(
            encoder,
            [row.picture for row in pictures.rows],
            pictures.labels,
            texts,
            settings,
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

    def _learn_prompt(
        self, labelled: LabelledPictures, texts: Texts, n_context: int
    ) -> LabelledPictures:
        encoder, pictures = labelled.encoder, labelled.pictures
        if not isinstance(encoder, FrozenEncoder):
            raise _not_open_clip("--prompt", labelled.origin.encoder)
        classes = sorted({*pictures.labels} & {*texts})
        number = {label: n for n, label in enumerate(classes)}
        places = [place for place, label in enumerate(pictures.labels) if label in number]
        names = [texts[label] for label in classes]
        self.prompt = tuned = tune_prompt(
            encoder,
            unit_rows(pictures.features[places]),
            torch.tensor([number[pictures.labels[place]] for place in places]),
            [readable_name(name if isinstance(name, str) else name[0]) for name in names],
            SoftPrompt(n_context=n_context),
            progress=self.progress,
        )
        if not tuned.tensors:
            return labelled
        return replace(labelled, encoder=PromptedEncoder(encoder, tuned.tensors, tuned.config))


def _not_open_clip(option: str, encoder: str | None) -> UsageError:
    return UsageError(
        f"{option} trains a part of an open_clip model, but the encoder {encoder} is of your own; "
        f"leave {option} out, or name another encoder"
    )
