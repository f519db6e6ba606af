"""The texts that a safetensors file has beside its tensors."""

from __future__ import annotations

from metaadapter.data.strict_json import json_text, parse_json


def texts_of(content: bytes) -> dict[str, str]:
    """The texts of a file that the package safetensors could read, by their names.

    safetensors itself reads them from a path alone, which must then be UTF-8.
    """
    # Eight bytes of length, then the header as JSON.
    header = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])
    texts: dict[str, str] = header.get("__metadata__", {})
    return texts


def with_ordered_texts(content: bytes) -> bytes:
    """The same file with its texts in the order of their names, which else is another each time."""
    length = int.from_bytes(content[:8], "little")
    header = parse_json(content[8 : 8 + length])
    texts = header.pop("__metadata__", {})
    ordered = {"__metadata__": dict(sorted(texts.items())), **header}
    text = json_text(ordered, separators=(",", ":")).encode()
    text = text.ljust(-len(text) % 8 + len(text))  # numbers that are read in place begin at eights
    return len(text).to_bytes(8, "little") + text + content[8 + length :]
