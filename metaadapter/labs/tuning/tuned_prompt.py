"""A prompt learned from labelled pictures, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.prompts import readable_name
from metaadapter.labs.tuning.soft_prompt import SoftPrompt, TunedPrompt, tune_prompt
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.labelled_support import unit_rows


def learn_prompt(
    labelled: LabelledPictures,
    names: Mapping[str, str | list[str]],
    n_context: int,
    *,
    progress: Callable[[Progress], None],
) -> TunedPrompt:
    """Learn the context of class names from the classes that have a name and pictures.

    Args:
        labelled: The pictures, with their encoder, also where they come from a feature store.
        names: Label → name, or name and sentences, of which the name counts.
        n_context: How many vectors stand before each name.
        progress: Called after each gradient step.

    Raises:
        UsageError: The encoder has no text tower of open_clip, or there are too few such classes.
    """
    encoder, pictures = labelled.encoder, labelled.pictures
    if not isinstance(encoder, FrozenEncoder):
        raise UsageError(
            f"--prompt learns vectors for a text tower of open_clip, and the encoder "
            f"{labelled.origin.encoder} is of your own; leave --prompt out, or name another encoder"
        )
    learned = sorted({*pictures.labels} & {*names})
    number = {label: n for n, label in enumerate(learned)}
    own = [place for place, label in enumerate(pictures.labels) if label in number]
    told = [names[label] for label in learned]
    return tune_prompt(
        encoder,
        unit_rows(pictures.features[own]),
        torch.tensor([number[pictures.labels[place]] for place in own]),
        [readable_name(text if isinstance(text, str) else text[0]) for text in told],
        SoftPrompt(n_context=n_context),
        progress=progress,
    )
