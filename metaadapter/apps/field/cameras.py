"""The camera of a picture, identified by its folder."""

from __future__ import annotations

import re
from pathlib import Path

# Folders on memory cards by the standard DCF (JEITA CP-3461): DCIM/100RECNX, DCIM/101RECNX …
CARD_FOLDER = re.compile(r"DCIM|[1-9]\d{2}[A-Z0-9_]{5}", re.IGNORECASE)


def camera_folder(path: Path) -> Path:
    """The folder of the camera: that of the picture, above the folders of the memory card."""
    folder = path.parent
    while CARD_FOLDER.fullmatch(folder.name) and folder.parent != folder:
        folder = folder.parent
    return folder
