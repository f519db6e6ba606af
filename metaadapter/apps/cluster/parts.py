"""The parts of a result, which jobs make in a folder next to it.

`RESULT.parts/` holds `plan.json` with the number of parts, the parts 1, 2 … and, for each finished
part, `N.done` with a digest of the request that it answers. So a command that is given again, even
after all machines were lost, does what is missing, and takes no part of another request.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metaadapter.data.checksums import read_document, write_document
from metaadapter.data.output_folder import (
    hold_lock,
    replace_file,
    require_no_link,
    require_own_or_empty,
    write_errors,
)
from metaadapter.data.regular_files import is_regular, regular
from metaadapter.errors import DataError

PLAN, SCHEMA = "plan.json", "metaadapter.parts/1"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a result; part I of N is that of `--shard I/N`."""

    folder: Path
    n: int
    request: str
    ending: str

    def path(self, number: int) -> Path:
        """Return the place of a part, by its number from 1."""
        return self.folder / f"{number}{self.ending}"

    @property
    def paths(self) -> list[Path]:
        """The places of all parts."""
        return [self.path(number) for number in range(1, self.n + 1)]

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not finished."""
        return [number for number in range(1, self.n + 1) if not self._is_done(number)]

    def finish(self, number: int) -> None:
        """Record that a part is finished."""
        with write_errors(str(self.folder)):
            replace_file(self._mark(number), self.request)

    @contextmanager
    def merging(self) -> Iterator[None]:
        """Delete the parts that a `DataError` of a block names, so that they are made again."""
        try:
            yield
        except DataError as error:
            named = [
                path for path in self.paths if re.search(rf"{re.escape(str(path))}\b", str(error))
            ]
            if not named:
                raise
            for path in named:
                _delete(path)
            raise DataError(
                f"{error}\n{', '.join(map(str, named))}: deleted, since a damaged part cannot be "
                "merged; give the same command again, which makes the part anew and then merges"
            ) from error

    def remove(self) -> None:
        """Delete all parts, once the result is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_done(self, number: int) -> bool:
        mark = self._mark(number)
        is_whole = is_regular(mark) and regular(mark).read_text("utf-8", "replace") == self.request
        return is_whole and self.path(number).exists()

    def _mark(self, number: int) -> Path:
        return self.folder / f"{number}.done"


def _delete(part: Path) -> None:
    """Delete a part, its mark, and the document beside a table."""
    shutil.rmtree(part, ignore_errors=True)
    for file in (part, part.with_name(f"{part.stem}.done"), *part.parent.glob(f"{part.name}.*")):
        if not file.is_dir():
            file.unlink(missing_ok=True)


def parts_folder(result: Path) -> Path:
    """Return the folder of a result's parts."""
    return result.with_name(f"{result.name}.parts")


def remove_parts(result: Path) -> None:
    """Delete the parts that a command has left which was killed after its merge, if there are any.

    A folder of the same name with other files stays.
    """
    if is_regular(parts_folder(result) / PLAN):
        shutil.rmtree(parts_folder(result), ignore_errors=True)


@contextmanager
def hold_parts(result: Path, request: str, n: int, *, ending: str = "") -> Iterator[Parts]:
    """Begin or continue the parts of a result; no other command may work on them meanwhile.

    Args:
        result: The place of the result.
        request: A digest of all that the parts depend on.
        n: The number of parts of a new plan; parts that exist keep their number.
        ending: The ending of the names of parts.

    Raises:
        DataError: The folder holds other files, is in use, damaged or cannot be written.
    """
    folder = parts_folder(result)
    require_no_link(folder)
    with write_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(folder, (PLAN,), "parts of a result", instead="remove this folder")
    remedy = f"remove {folder} and give the same command again, which begins anew"
    with hold_lock(folder / ".lock", str(result)):
        if is_regular(folder / PLAN):
            values, _ = read_document(folder / PLAN, SCHEMA, remedy)  # sealed, so as it was written
            n = int(values["n"])
        else:
            with write_errors(str(folder)):
                write_document(folder / PLAN, {"schema": SCHEMA, "n": n})
        yield Parts(folder, n, request, ending)
