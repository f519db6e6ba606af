"""How a browser is shown the page: through a file, for the token is nobody else's business."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

from metaadapter.data.own_folder import write_errors

ENTRANCE_FILE = "open.html"


@contextmanager
def shown_in_browser(address: str, folder: Path) -> Iterator[None]:
    """Show an address in the browser; a file in a folder leads there while the block runs.

    A browser is started with what it is to show on its command line, which every user of the
    machine can read. There stands the file, which this user alone can read.

    Raises:
        DataError: The file cannot be written.
    """
    file = folder / ENTRANCE_FILE
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
