"""Which camera took a picture, by the folder that it lies in."""

from __future__ import annotations

import re
from pathlib import Path

# The standard of folders on memory cards (DCF, JEITA CP-3461): DCIM/100RECNX, DCIM/101RECNX …
ON_THE_CARD = re.compile(r"DCIM|[1-9]\d{2}[A-Z0-9_]{5}", re.IGNORECASE)


def camera_folder(path: Path) -> Path:
    """The folder of the camera: the picture's own, above those that cameras make on their cards."""
    folder = path.parent
    while ON_THE_CARD.fullmatch(folder.name) and folder.parent != folder:
        folder = folder.parent
    return folder
