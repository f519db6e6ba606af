"""The texts that a safetensors file has beside its tensors."""

from __future__ import annotations

from metaadapter.files.strict_json import parse_json

__all__ = ["texts_of"]


def texts_of(content: bytes) -> dict[str, str]:
    """The texts of a file that the package safetensors could read, by their names.

    safetensors itself reads them from a path alone, which must then be UTF-8.
    """
    # Eight bytes of length, then the header as JSON.
    header = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])
    texts: dict[str, str] = header.get("__metadata__", {})
    return texts
