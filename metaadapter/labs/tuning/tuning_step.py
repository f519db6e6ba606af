"""The step of `adapt` that trains parts of the encoder on the labelled pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.towers.prompted_encoder import PromptedEncoder
from metaadapter.labs.tuning.inside import Inside, TunedInside
from metaadapter.labs.tuning.soft_prompt import TunedPrompt
from metaadapter.labs.tuning.tuned_prompt import learn_prompt
from metaadapter.labs.tuning.tuned_towers import tune_towers
from metaadapter.workflow.class_names import Texts
from metaadapter.workflow.labelled_pictures import LabelledPictures


@final
@dataclass(slots=True)
class TuningStep:
    """Trains adapters inside the image tower, learns a prompt, or both; pass it as `tune`.

    Attributes:
        settings: How adapters inside the tower are trained; `None` trains none.
        n_context: The number of learned vectors before each name; `None` learns no prompt.
        generator: The name of the generator.
        progress: Called after each picture that is prepared and each gradient step.
        inside: The result of the training inside the tower, after the call.
        prompt: The result of learning the prompt, after the call.
    """

    settings: Inside | None
    n_context: int | None
    generator: str
    progress: Callable[[Progress], None]
    inside: TunedInside | None = None
    prompt: TunedPrompt | None = None

    def __call__(self, labelled: LabelledPictures, texts: Texts | None) -> LabelledPictures:
        """The labelled pictures with the tuned encoder, as far as left-out pictures support it."""
        if self.settings is not None:
            labelled, self.inside = tune_towers(
                labelled, texts, self.settings, generator=self.generator, progress=self.progress
            )
        if self.n_context is not None:
            self.prompt = learn_prompt(
                labelled, texts or {}, self.n_context, progress=self.progress
            )
            if self.prompt.tensors:
                assert isinstance(labelled.encoder, FrozenEncoder)  # `learn_prompt` requires it
                prompted = PromptedEncoder(
                    labelled.encoder, self.prompt.tensors, self.prompt.config
                )
                labelled = replace(labelled, encoder=prompted)
        return labelled
