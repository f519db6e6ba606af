"""Import learn2learn and higher, two packages without a maintainer, only when they are used.

A missing or broken build stops only the function that needs it. Outside this module only
`episodes.learn2learn_bridge` imports one of the two, since `episodes` may not import this package.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from types import ModuleType

from metaadapter.errors import MissingPackage

_LEARN2LEARN_INSTALL = """\
a plain `pip install learn2learn` fails to build on Python 3.11 and later, or downgrades numpy below
version 2. In a checkout, `make test-slow` installs learn2learn. Elsewhere (a C compiler is needed):
    pip install gym requests tqdm torchvision
    pip install --no-deps learn2learn==0.2.0 --config-settings="--build-option=build_ext\""""


def import_learn2learn() -> ModuleType:
    """Import learn2learn (about a second); `MissingPackage` says how to install it."""
    # learn2learn imports gym, which prints advice that only learn2learn's authors can follow.
    with suppress(ImportError):
        import_module("gym_notices.notices").notices.clear()
    return _import_or_explain("learn2learn", _LEARN2LEARN_INSTALL)


def import_higher() -> ModuleType:
    """Import higher, with which the tests check gradients; `MissingPackage` if it does not load."""
    return _import_or_explain("higher", "    pip install higher==0.2.1")


def _import_or_explain(name: str, how_to_install: str) -> ModuleType:
    try:
        return import_module(name)
    # Not only ImportError: newer versions of numpy and torch break these packages in many ways.
    except Exception as reason:
        raise MissingPackage(
            f"the optional package {name} is needed here but cannot be imported "
            f"({type(reason).__name__}: {reason}). To install it:\n{how_to_install}"
        ) from reason
