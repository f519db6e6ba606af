"""Opening the page in a browser without showing its token to other users."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

from metaadapter.data.output_folder import write_errors

REDIRECT_FILE = "open.html"


@contextmanager
def open_in_browser(address: str, folder: Path) -> Iterator[None]:
    """Open an address in the browser through a file in a folder, which exists during the block.

    Every user of the machine can read the command line of the browser. It names the file, which
    only this user can read, instead of the address with the token.

    Raises:
        DataError: The file cannot be written.
    """
    file = folder / REDIRECT_FILE
    link = escape(address)
    content = (
        '<!doctype html><meta charset="utf-8"><title>metaadapter</title>'
        f'<meta http-equiv="refresh" content="0; url={link}"><a href="{link}">To the page</a>'
    )
    with write_errors(f"the project {folder}", instead="leave --open out"):
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as opened:
            opened.write(content)
    try:
        webbrowser.open(file.absolute().as_uri())
        yield
    finally:
        file.unlink(missing_ok=True)
