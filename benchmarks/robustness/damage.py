"""Random damage to the files of an artifact."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

SECTOR = 512


def damage(file: Path, rng: np.random.Generator, others: list[Path]) -> str:
    """Change the content of a file, or remove the file.

    Args:
        file: The file to damage.
        rng: Draws the kind of damage and its position.
        others: Files that may replace the file.

    Returns:
        A description of the damage.
    """
    before = file.read_bytes()
    for name in rng.permutation(list(KINDS)):
        after = KINDS[name](before, rng)
        if after is not None and after != before:
            file.write_bytes(after)
            return f"{name} in {file.name}"
    return damage_whole_file(file, rng, others)


def damage_whole_file(file: Path, rng: np.random.Generator, others: list[Path]) -> str:
    """Remove a file, or put one of the others in its place; arguments are those of `damage`."""
    if others and rng.random() < 0.5:
        other = others[rng.integers(len(others))]
        file.write_bytes(other.read_bytes())
        return f"{file.name} replaced by {other.name}"
    file.unlink()
    return f"{file.name} removed"


def _flip_bit(data: bytes, rng: np.random.Generator) -> bytes | None:
    if not data:
        return None
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwrite(data: bytes, rng: np.random.Generator) -> bytes | None:
    start, end = _slice(data, rng, longest=64)
    return data[:start] + rng.bytes(end - start) + data[end:]


def _lose_sector(data: bytes, rng: np.random.Generator) -> bytes | None:
    start = int(rng.integers(1 + len(data) // SECTOR)) * SECTOR
    end = min(start + SECTOR, len(data))
    return data[:start] + bytes(end - start) + data[end:]


def _cut_off(data: bytes, rng: np.random.Generator) -> bytes | None:
    return data[: rng.integers(len(data))] if data else None


def _append(data: bytes, rng: np.random.Generator) -> bytes | None:
    return data + rng.bytes(int(rng.integers(1, 64)))


def _lose_slice(data: bytes, rng: np.random.Generator) -> bytes | None:
    start, end = _slice(data, rng, longest=64)
    return data[:start] + data[end:]


def _double_slice(data: bytes, rng: np.random.Generator) -> bytes | None:
    start, end = _slice(data, rng, longest=64)
    return data[:end] + data[start:]


def _swap_slices(data: bytes, rng: np.random.Generator) -> bytes | None:
    if len(data) < 8:
        return None
    length = int(rng.integers(1, 1 + min(64, len(data) // 4)))
    first, second = sorted(rng.choice(len(data) // length, 2, replace=False) * length)
    return (
        data[:first]
        + data[second : second + length]
        + data[first + length : second]
        + data[first : first + length]
        + data[second + length :]
    )


def _change_digit(data: bytes, rng: np.random.Generator) -> bytes | None:
    places = [match.start() for match in re.finditer(rb"\d", data)] if _is_text(data) else []
    if not places:
        return None
    place = places[rng.integers(len(places))]
    digit = (data[place] - ord("0") + int(rng.integers(1, 10))) % 10
    return data[:place] + b"%d" % digit + data[place + 1 :]


def _lose_line(data: bytes, rng: np.random.Generator) -> bytes | None:
    lines = data.splitlines(keepends=True) if _is_text(data) else []
    if len(lines) < 2:
        return None
    del lines[rng.integers(len(lines))]
    return b"".join(lines)


def _swap_lines(data: bytes, rng: np.random.Generator) -> bytes | None:
    lines = data.splitlines(keepends=True) if _is_text(data) else []
    if len(lines) < 2:
        return None
    first, second = rng.choice(len(lines), 2, replace=False)
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def _slice(data: bytes, rng: np.random.Generator, *, longest: int) -> tuple[int, int]:
    start = int(rng.integers(len(data) + 1))
    return start, min(len(data), start + int(rng.integers(1, longest)))


def _is_text(data: bytes) -> bool:
    return b"\0" not in data


KINDS: dict[str, Callable[[bytes, np.random.Generator], bytes | None]] = {
    "a bit flipped": _flip_bit,
    "bytes overwritten": _overwrite,
    "a sector zeroed": _lose_sector,
    "the end cut off": _cut_off,
    "bytes appended": _append,
    "bytes lost": _lose_slice,
    "bytes doubled": _double_slice,
    "bytes swapped": _swap_slices,
    "a digit changed": _change_digit,
    "a line lost": _lose_line,
    "lines swapped": _swap_lines,
}
"""Name → the damaged content, or None where this kind does not fit the content."""
