"""The errors that metaadapter raises on purpose, with their exit codes at the command line.

Every error except `Interrupted` is also a built-in one, so `except ValueError` works. A message
says what was expected, what was given, whose value it is and what to do.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable


class MetaAdapterError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 1


class UsageError(MetaAdapterError, ValueError):
    """An argument or option is wrong."""

    exit_code = 2


class DataError(MetaAdapterError, ValueError):
    """Pictures, labels, a manifest or a configuration are wrong, or the machine lacks something."""

    exit_code = 3


class IncompatibleArtifact(MetaAdapterError, ValueError):
    """A stored artifact or an encoder is damaged, of another version, or does not fit its use."""

    exit_code = 4


class Interrupted(MetaAdapterError):
    """Ctrl-C or another signal ended the run; the message says what is kept."""

    exit_code = 130  # after Ctrl-C


class MissingPackage(MetaAdapterError, ImportError):
    """An optional package is not installed."""

    exit_code = 5


def require_packages(what: str, names: Iterable[str], extra: str) -> None:
    """Raise a `MissingPackage` unless the packages of an extra, which `what` needs, are there."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            extras = ",".join(sorted({"serve", extra}))
            raise MissingPackage(
                f"{what} needs the package {name.split('.')[0]}, which cannot be imported "
                f"({error}); install the extra: with pip, pip install 'metaadapter[{extra}]'; with "
                f'uv, uv tool install ".[{extras}]" in the folder that you installed from'
            ) from error
