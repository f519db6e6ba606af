"""Imports learn2learn and higher, two packages that nobody maintains any more, when they are used.

A missing or broken build costs the function that asked for it, never `predict`. Nothing else
imports them but `episodes.learn2learn_bridge`, since `episodes` imports nothing of this package.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from types import ModuleType

from metaadapter.errors import MissingPackage

_LEARN2LEARN_INSTALL = """\
a plain `pip install learn2learn` fails to build on Python 3.11 and later, or takes numpy back below
version 2. In a checkout, `make test` installs it as needed. Elsewhere (a C compiler is needed):
    pip install gym requests tqdm torchvision
    pip install --no-deps learn2learn==0.2.0 --config-settings="--build-option=build_ext\""""


def import_learn2learn() -> ModuleType:
    """Import learn2learn (about a second) without the notice that gym prints, which it imports.

    `MissingPackage` tells how to install it beside numpy 2, if it is not there or does not load.
    """
    # gym prints an appeal to leave it, which only learn2learn's authors could follow.
    with suppress(ImportError):
        import_module("gym_notices.notices").notices.clear()
    return _import_or_explain("learn2learn", _LEARN2LEARN_INSTALL)


def import_higher() -> ModuleType:
    """Import higher, by which the tests check gradients through an inner loop.

    `MissingPackage` tells that it is not there, or does not load beside the torch that is.
    """
    return _import_or_explain("higher", "    pip install higher==0.2.1")


def _import_or_explain(name: str, how_to_install: str) -> ModuleType:
    try:
        return import_module(name)
    # Not ImportError alone: numpy and torch move on beneath these packages, and what was removed
    # there surfaces here as an AttributeError, a ValueError of the binary interface, and so on.
    except Exception as reason:
        raise MissingPackage(
            f"the optional package {name} is needed here but cannot be imported "
            f"({type(reason).__name__}: {reason}). To install it:\n{how_to_install}"
        ) from reason
