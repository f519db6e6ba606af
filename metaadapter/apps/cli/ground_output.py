"""The output of `metaadapter ground`: a list that grows with each picture, and heat maps."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from metaadapter.apps.cli.console import Console
from metaadapter.data.plain_text import in_csv, one_line
from metaadapter.errors import UsageError

PICTURE = "picture"
NUMBERS = ("left", "top", "right", "bottom", "score", "presence")
WIDTH = 9


@final
class GroundingList:
    """Prints each box at once; create it before a progress bar, which replaces `sys.stdout`."""

    def __init__(self, console: Console, paths: Sequence[Path]) -> None:
        self._console, self._stream = console, sys.stdout
        self._is_table = console.stdout.is_terminal
        self._has_titles, self._width = False, 0
        if self._is_table:
            from rich.cells import cell_len

            names = [PICTURE, *(one_line(path) for path in paths)]
            self._width = max(map(cell_len, names))

    def add(self, entry: Mapping[str, Any]) -> None:
        """Print one picture, from its entry in the JSON document."""
        name = one_line(entry["path"])
        given = (*entry["box"], entry["score"], entry["presence"])
        numbers = ["" if number is None else f"{number:.3f}" for number in given]
        if self._is_table:
            if not self._has_titles:
                self._print_columns(PICTURE, NUMBERS)
                self._has_titles = True
            self._print_columns(name, numbers)
            return
        writer = csv.writer(self._stream, "excel-tab", lineterminator="\n")
        writer.writerow([in_csv(name), *numbers])
        self._stream.flush()

    def _print_columns(self, name: str, numbers: Sequence[str]) -> None:
        from rich.cells import set_cell_size

        first = set_cell_size(name, self._width)
        self._console.result(first + "".join(number.rjust(WIDTH) for number in numbers))


def heat_map_files(out: Path | None, paths: Sequence[Path], phrase: str) -> list[Path | None]:
    """Return the file for each picture; if two pictures share a name, all files get numbers."""
    if out is None:
        return [None] * len(paths)
    from metaadapter.data.picture_names import PICTURE_SUFFIXES
    from metaadapter.labs.grounding.heat_map import phrase_of

    suffix = out.suffix.lower()
    is_file = out.is_file() or (suffix in PICTURE_SUFFIXES and not out.is_dir())
    if is_file and len(paths) > 1:
        raise UsageError(
            f"--out {out} is one file, but {len(paths)} pictures need one file each; name a folder"
        )
    if is_file and suffix != ".png":
        raise UsageError(f"heat maps are PNG files, but --out is {out}; name a file ending in .png")
    if is_file:
        files: list[Path] = [out]
    else:
        stems = [path.stem for path in paths]
        # Some file systems ignore case.
        if len({stem.casefold() for stem in stems}) < len(stems):
            stems = [f"{stem}-{number}" for number, stem in enumerate(stems, start=1)]
        files = [out / f"{stem}.png" for stem in stems]
    pictures = {path.resolve() for path in paths}
    if replaced := [file for file in files if file.resolve() in pictures]:
        raise UsageError(
            f"--out {out} would replace the picture {replaced[0]} itself; name another place"
        )
    for file in files:
        if file.exists() and (other := phrase_of(file)) != one_line(phrase):
            content = "no heat map" if other is None else f"the heat map of {other!r}"
            raise UsageError(
                f"--out {out} would replace {file}, which is {content}; name another place"
            )
    return [*files]
