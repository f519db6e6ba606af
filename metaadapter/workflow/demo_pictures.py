"""The photographs in the package, compared with the hashes that ship with them."""

from __future__ import annotations

from pathlib import Path

from metaadapter.data.checksums import file_hash, read_document
from metaadapter.data.reader import read_images
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError
from metaadapter.features.build_encoder import REINSTALL

DEMO = Path(__file__).parents[1] / "assets" / "demo"
PICTURES, HASHES_FILE, SCHEMA = "pictures", "pictures.json", "metaadapter.demo/1"
REMEDY = f"restore it from a copy ({REINSTALL})"


def demo_pictures(demo: Path = DEMO) -> ImageTable:
    """Return the table of the photographs; `DataError` if one is missing or was changed."""
    expected = read_document(demo / HASHES_FILE, SCHEMA, REMEDY)[0]["sha256"]
    pictures = read_images(demo / PICTURES)
    hashes = hashes_of(pictures)
    for name in sorted(expected.keys() | hashes.keys()):
        if expected.get(name) != hashes.get(name):
            fault = "is damaged or was changed" if name in hashes else "is missing"
            fault = fault if name in expected else "is no photograph of the demo"
            raise DataError(f"{demo / PICTURES / name} {fault}; {REMEDY}")
    return pictures


def hashes_of(pictures: ImageTable) -> dict[str, str]:
    """Return the SHA-256 of each photograph, by class and file name."""
    return {f"{row.label}/{row.path.name}": file_hash(row.path) for row in pictures.rows}
