"""The file of an index: a safetensors file with a proof, which is mapped into memory."""

from __future__ import annotations

import time
import zlib
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import numpy as np
import torch
from torch import Tensor

from metaadapter.apps.library.index import IndexedEntry, SignatureIndex, SignatureStack
from metaadapter.data.checksums import sealed, unsealed
from metaadapter.data.output_folder import require_no_link
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.features.fingerprint import Fingerprint

INDEX_FILE = Path(".index", "signatures.safetensors")
SCHEMA = "metaadapter.library-index/1"
TYPES: dict[str, type[Any]] = {"F16": np.float16, "I64": np.int64}
# The limit of the package safetensors.
MOST_HEADER_BYTES = 100_000_000
# An unfinished file that is older than this is abandoned: its writer was killed.
SECONDS_OF_A_WRITER = 3600.0


def read_index(file: Path) -> SignatureIndex | None:
    """Read an index; return `None` if the file is missing or damaged."""
    try:
        return _read(file)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write_index(file: Path, index: SignatureIndex) -> None:
    """Write an index in one step; if that fails, the file stays as it was."""
    # Readers may write at the same time: each writes its own file, and the last one stays.
    unfinished = file.with_name(f"{file.name}.{uuid4().hex}")
    with suppress(OSError, ValueError):
        require_no_link(file.parent)
        file.parent.mkdir(exist_ok=True)
        try:
            # Not synced: an index that a power failure cuts off is made again.
            with unfinished.open("xb") as opened:
                _write(opened, index)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
        for other in file.parent.iterdir():
            if other != file and other.stat().st_mtime < time.time() - SECONDS_OF_A_WRITER:
                other.unlink()


def _write(file: IO[bytes], index: SignatureIndex) -> None:
    tensors = {
        f"{name}.{width}": tensor.contiguous().numpy()
        for width, stack in index.stacks.items()
        for name, tensor in stack.tensors().items()
    }
    header: dict[str, Any] = {}
    position = 0
    # Items of eight bytes come first, so that each tensor begins at a multiple of its item size.
    for key, array in sorted(tensors.items(), key=lambda item: -item[1].itemsize):
        kind = next(kind for kind, of_numpy in TYPES.items() if array.dtype == of_numpy)
        end = position + array.nbytes
        header[key] = {"dtype": kind, "shape": array.shape, "data_offsets": [position, end]}
        position = end
    encoders = list({entry.fingerprint: None for entry in index.entries if entry.fingerprint})
    document = {
        "schema": SCHEMA,
        "encoders": [asdict(encoder) for encoder in encoders],
        "entries": [_row(entry, encoders) for entry in index.entries],
        "crc32": {key: zlib.crc32(array.data) for key, array in tensors.items()},
    }
    header["__metadata__"] = {"index": json_text(sealed(document))}
    text = json_text(header, separators=(",", ":")).encode()
    text = text.ljust(len(text) + -len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for key in header:
        if key in tensors:
            file.write(tensors[key].data)


def _row(entry: IndexedEntry, encoders: list[Fingerprint]) -> list[Any]:
    """Return the values of an entry's fields; the fingerprint becomes its index in `encoders`."""
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    fingerprint = entry.fingerprint
    values["fingerprint"] = None if fingerprint is None else encoders.index(fingerprint)
    return list(values.values())


def _read(file: Path) -> SignatureIndex:
    size = regular(file).stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > min(size, MOST_HEADER_BYTES):
            raise ValueError("the header is longer than the file")
        header = parse_json(opened.read(length))
    document, _ = unsealed(parse_json(header.pop("__metadata__")["index"]))
    if document["schema"] != SCHEMA:
        raise ValueError("another version wrote it")
    # Copy-on-write, because torch expects writable memory; nothing ever writes to it.
    data = np.memmap(file, np.uint8, "c")[8 + length :]
    tensors = {key: _tensor(data, header[key], crc) for key, crc in document["crc32"].items()}
    names = [field.name for field in fields(SignatureStack)]
    widths = sorted({int(key.partition(".")[2]) for key in tensors})
    stacks = {
        width: SignatureStack(*(tensors[f"{name}.{width}"] for name in names)) for width in widths
    }
    encoders = [
        Fingerprint(**{**encoder, "probe": tuple(encoder["probe"])})
        for encoder in document["encoders"]
    ]
    entries = tuple(_entry(row, encoders) for row in document["entries"])
    return SignatureIndex(entries, stacks)


def _tensor(data: np.ndarray, header: dict[str, Any], crc: int) -> Tensor:
    start, end = header["data_offsets"]
    content = data[start:end]
    if len(content) != end - start or zlib.crc32(content.data) != crc:
        raise ValueError("a tensor is damaged")
    return torch.from_numpy(content.view(TYPES[header["dtype"]]).reshape(header["shape"]))


def _entry(row: list[Any], encoders: list[Fingerprint]) -> IndexedEntry:
    names = [field.name for field in fields(IndexedEntry)]
    values = dict(zip(names, row, strict=True))
    for name in ("stamp", "classes", "class_names"):
        values[name] = tuple(values[name])
    if values["fingerprint"] is not None:
        values["fingerprint"] = encoders[values["fingerprint"]]
    return IndexedEntry(**values)
