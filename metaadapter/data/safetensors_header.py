"""The texts that a safetensors file stores in addition to its tensors."""

from __future__ import annotations

from metaadapter.data.strict_json import parse_json


def texts_of(content: bytes) -> dict[str, str]:
    """Return the texts of a safetensors file by name; the package itself needs a UTF-8 path."""
    # Eight bytes of length, then the header as JSON.
    header = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])
    texts: dict[str, str] = header.get("__metadata__", {})
    return texts
