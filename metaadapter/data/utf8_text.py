"""Text files in UTF-8, whose errors name the file and the way to save it again."""

from __future__ import annotations

from pathlib import Path

from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError


def read_utf8(file: Path, kind: str, *, saved_as: str) -> str:
    """Read a text file, with or without a byte order mark.

    Args:
        file: The file.
        kind: The noun for it in messages, such as "manifest".
        saved_as: The remedy for another encoding: "save … again".

    Raises:
        DataError: The file cannot be read, or is not in UTF-8.
    """
    try:
        return regular(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the {kind} {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"expected text in UTF-8 in {file}, but byte {error.start + 1} is not; save {saved_as}"
        ) from error
