"""The generator that a run begins with."""

from __future__ import annotations

import torch

from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config import TrainConfig
from metaadapter.training.random_streams import stream


def new_generator(config: TrainConfig) -> AdapterGenerator:
    """Return a generator with weights from the seed; the random state of torch does not change.

    Raises:
        UsageError: `start` names another kind of generator, or there is no parameter to train.
    """
    kind = type(load_generator(config.generator)) if config.generator else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(config.seed, "network").initial_seed())
        generator = kind() if kind else Generator(config.network)
    if config.start:
        generator = load_generator(config.start)
        if not isinstance(generator, Generator):
            raise UsageError(
                f"start = {config.start!r}: expected a generator with the network that ships, got "
                f"your own {type(generator).__name__}"
            )
        generator = generator.train()
    if not any(parameter.requires_grad for parameter in generator.parameters()):
        raise UsageError(f"the generator {config.generator} has no parameter to train")
    return generator
