"""Checks the signatures that give shapes, and leaves the other ones as they are.

jaxtyping's import hook wraps all functions: also those with plain types, which mypy has checked.
Each of their calls then binds its arguments twice and checks them twice.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import jaxtyping

_check = jaxtyping.jaxtyped


def check_shapes(code: Any = None, *, typechecker: Callable[[Any], Any] | None = None) -> Any:
    """Decorate as `jaxtyping.jaxtyped` does, if the signature gives the shape of an array."""
    if code == "context":
        return _check(code)
    if code is None:
        return partial(check_shapes, typechecker=typechecker)
    if isinstance(code, (classmethod, staticmethod)):
        functions: list[Any] = [code.__func__]
    elif isinstance(code, property):
        functions = [code.fget, code.fset, code.fdel]
    elif inspect.isclass(code):
        functions = [code.__init__]
    else:
        functions = [code]
    return _check(code, typechecker=typechecker) if any(map(_has_shapes, functions)) else code


def _has_shapes(function: Any) -> bool:
    annotations = getattr(function, "__annotations__", {}).values()
    words = re.findall(r"\w+", " ".join(map(str, annotations)))
    names = getattr(function, "__globals__", {})
    return any(_is_shape(names.get(word)) for word in words)


def _is_shape(named: Any) -> bool:
    """Return whether a name of a module stands for an array, or for a union or list of some."""
    if getattr(named, "__module__", "") == "jaxtyping":
        return True
    return any(map(_is_shape, get_args(named)))
