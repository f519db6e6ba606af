"""The texts that a safetensors file stores in addition to its tensors."""

from __future__ import annotations

from metaadapter.data.strict_json import json_text, parse_json


def texts_of(content: bytes) -> dict[str, str]:
    """Return the texts of a safetensors file by name; the package itself needs a UTF-8 path."""
    # Eight bytes of length, then the header as JSON.
    header = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])
    texts: dict[str, str] = header.get("__metadata__", {})
    return texts


def with_ordered_texts(content: bytes) -> bytes:
    """Return a file with its texts sorted by name, since safetensors writes them in any order."""
    length = int.from_bytes(content[:8], "little")
    header = parse_json(content[8 : 8 + length])
    texts = header.pop("__metadata__", {})
    ordered = {"__metadata__": dict(sorted(texts.items())), **header}
    text = json_text(ordered, separators=(",", ":")).encode()
    text = text.ljust(-len(text) % 8 + len(text))  # tensors are read in place, aligned to 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + length :]
