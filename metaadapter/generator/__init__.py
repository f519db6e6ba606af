"""From a support set to an adapter's weights, in one forward pass."""

from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.pretrained import generator_id, load_generator, save_generator

__all__ = ["Generator", "GeneratorConfig", "generator_id", "load_generator", "save_generator"]
