"""The errors that metaadapter raises on purpose, with their exit codes at the command line.

Every error except `Interrupted` is also a built-in one, so `except ValueError` works. A message
says what was expected, what was given, whose value it is and what to do.
"""

from __future__ import annotations


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
