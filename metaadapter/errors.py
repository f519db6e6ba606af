"""The errors that metaadapter raises on purpose, and the exit code each has at the command line.

Every leaf is also a built-in, so `except ValueError` keeps working. A message says what was
expected, what came, whose value it is and what to do.
"""

from __future__ import annotations


class MetaAdapterError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 1


class UsageError(MetaAdapterError, ValueError):
    """An argument or option is wrong."""

    exit_code = 2


class DataError(MetaAdapterError, ValueError):
    """Pictures, labels, a manifest, a configuration or the machine are not what is needed."""

    exit_code = 3


class IncompatibleArtifact(MetaAdapterError, ValueError):
    """A stored artifact, or an encoder, does not fit what it is used with."""

    exit_code = 4


class Interrupted(MetaAdapterError):
    """Ctrl-C or another signal came, and the message tells what is kept."""

    exit_code = 130  # after Ctrl-C


class MissingPackage(MetaAdapterError, ImportError):
    """An optional package is not installed."""

    exit_code = 5
