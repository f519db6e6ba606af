"""Errors of the machine: it lacks space, permissions, open files, memory or the network."""

from __future__ import annotations

import errno
import re

from metaadapter.errors import DataError

MEMORY = "free some memory, or allow the program more of it (ulimit -v)"
OPEN_FILES = "allow the program more open files (ulimit -n)"
CONNECTION = "check the connection and the account, then run the same command again"
# Errors of network drives and of buckets.
OF_NETWORK = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ETIMEDOUT}
    | {errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.ENOTCONN}
)
REMEDIES = {
    **dict.fromkeys(OF_NETWORK, CONNECTION),
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for a larger quota",
    errno.EFBIG: "allow larger files (ulimit -f), or choose a drive that takes them",
    errno.EROFS: "choose a place that is not read-only",
    errno.EACCES: "correct the permissions, or choose another place",
    errno.EPERM: "correct the permissions, or choose another place",
    errno.EMFILE: OPEN_FILES,
    errno.ENFILE: OPEN_FILES,
    errno.EIO: "check the drive, or the connection to it",
    errno.ENOMEM: MEMORY,
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "correct the links",
}
# Messages of PyTorch and the standard library about memory, in errors of any class.
NO_MEMORY = re.compile(
    r"not enough memory|can't allocate memory|out of memory|bad_alloc|failed to map segment|"
    r"cannot allocate memory|can't start new thread",
    re.IGNORECASE,
)
NO_MEMORY_OF_DEVICE = re.compile(r"\b(CUDA|HIP|MPS|XPU)\b.*\bout of memory", re.IGNORECASE)
# oneDNN fails to create a descriptor for types or shapes that it does not know.
NO_PRIMITIVE = re.compile(r"could not create a primitive(?! descriptor)")
# The loader of libraries gives no error number; its message ends with the reason.
NOT_LOADED = re.compile(
    r": (failed to map segment from shared object|cannot allocate memory)$", re.IGNORECASE
)


def machine_error(error: BaseException) -> DataError | None:
    """Explain an error of the machine in plain words, with a remedy; None for any other error."""
    if isinstance(error, OSError) and error.errno in REMEDIES:
        where = "" if error.filename is None else f"{error.filename}: "
        return DataError(f"{where}{error.strerror}; {REMEDIES[error.errno]}")
    # Until Python 3.12 this error of a path has no number.
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):
        return DataError(f"{error}; {REMEDIES[errno.ELOOP]}")
    if not _is_memory(error):
        return None
    first = str(error).strip().partition("\n")[0].rstrip(".")
    if NO_MEMORY_OF_DEVICE.search(first):
        return DataError(f"{first}; choose smaller batches, or compute on the CPU")
    if NO_PRIMITIVE.search(first):
        return DataError(
            f"oneDNN could not create a primitive, mostly for lack of memory; {MEMORY}"
        )
    return DataError(f"there is not enough memory; {MEMORY}")


def unreadable(place: object, error: OSError, remedy: str) -> DataError:
    """Explain that a file cannot be read; the remedy is for one that is missing or damaged."""
    if isinstance(error, PermissionError):
        remedy = "correct its permissions, or ask its owner for them"
    return DataError(f"cannot read {place}: {error.strerror or error}; {remedy}")


def is_shortage(error: BaseException) -> bool:
    """Return whether memory, open files or the network fail, so that the input may be fine."""
    lacks_files = isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
    return lacks_files or is_of_network(error) or _is_memory(error)


def is_of_network(error: BaseException) -> bool:
    """Return whether the network, or a place behind it, does not answer."""
    return isinstance(error, OSError) and error.errno in OF_NETWORK


def _is_memory(error: BaseException) -> bool:
    text = str(error)
    if isinstance(error, OSError):  # its text may contain the names of files
        return error.errno == errno.ENOMEM or (
            error.errno is None and bool(NOT_LOADED.search(text))
        )
    return isinstance(error, MemoryError) or bool(
        NO_MEMORY.search(text) or NO_PRIMITIVE.search(text)
    )
