"""The generator that a classifier names, and the one that predicted its adapter."""

from __future__ import annotations

from pathlib import Path

from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.generator import AdapterGenerator, generator_id, shared_generator
from metaadapter.own_code import is_own_code

__all__ = ["generator_and_id", "generator_name", "name_to_trust", "same_generator"]

CUSTOM = "custom"


def generator_and_id(generator: str | Path | AdapterGenerator) -> tuple[AdapterGenerator, str]:
    """The generator that is given or named, and its identity."""
    if isinstance(generator, AdapterGenerator):
        return generator, generator_id(generator)
    return shared_generator(generator)


def generator_name(generator: str | Path | AdapterGenerator) -> str:
    """The name that a saved adapter keeps."""
    return CUSTOM if isinstance(generator, AdapterGenerator) else str(generator)


def name_to_trust(name: str) -> str:
    """The kept name, without code: a saved adapter never makes code run by itself."""
    return CUSTOM if is_own_code(name) else name


def same_generator(generator: str | Path | AdapterGenerator, wanted_id: str) -> AdapterGenerator:
    """The generator that is given or named, once it is known to be the one of that identity.

    Raises:
        UsageError: It is one of the user's own that an adapter was loaded without.
        IncompatibleArtifact: It is another.
    """
    if generator == CUSTOM:
        raise UsageError(
            "the adapter was predicted by a generator of your own, which is code; if you trust "
            "it, load the adapter with generator=… (--generator) that one to add a class"
        )
    found, identity = generator_and_id(generator)
    if identity != wanted_id:
        raise IncompatibleArtifact(
            f"the adapter was predicted by generator {wanted_id}, and "
            f"{generator_name(generator)!r} is now {identity}; load it with "
            "generator=… the one that predicted it, or fit again"
        )
    return found
