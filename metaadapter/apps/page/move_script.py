"""A shell script that moves the user's own files into folders named by class.

Memory cards repeat names, so the script knows each picture by its SHA-256, not by its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from metaadapter.apps.page.downloads import SortedPicture

PLACE_OF_TABLE = "TABLE OF PICTURES\n"


def move_script(pictures: Iterable[SortedPicture]) -> str:
    """The script for pictures whose ids are the first 32 digits of their SHA-256."""
    table = "".join(f"{picture.id} {picture.folder}/{picture.name}\n" for picture in pictures)
    script = (files("metaadapter.apps.page") / "moves.sh").read_text("utf-8")
    return script.replace(PLACE_OF_TABLE, table)
