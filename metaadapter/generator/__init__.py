"""From a support set to an adapter's weights, in one forward pass."""

from metaadapter.generator.base import AdapterGenerator
from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.pretrained import (
    generator_id,
    load_generator,
    save_generator,
    shared_generator,
)
from metaadapter.generator.regression import ClosedForm

__all__ = [
    "AdapterGenerator",
    "ClosedForm",
    "Generator",
    "GeneratorConfig",
    "generator_id",
    "load_generator",
    "save_generator",
    "shared_generator",
]
