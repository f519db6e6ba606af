"""The parts of a result, which jobs make in a folder next to it.

`RESULT.parts/` has the parts 1, 2 … and a database with their number and, for each finished part,
a digest of the request that it answers. So a command that is given again, even after all machines
were lost, does what is missing, and takes no part of another request.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from metaadapter.data.db import Database
from metaadapter.data.db_connection import DamagedDatabase
from metaadapter.data.output_folder import require_no_link, require_own_or_empty, write_errors
from metaadapter.data.regular_files import is_regular
from metaadapter.errors import DataError

PARTS_FILE, PURPOSE = "parts.db", "parts of a result"
# The kinds of records: the number of parts, and a finished part with the digest of its request.
PLAN, DONE = "plan", "done"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a result; part I of N is that of `--shard I/N`."""

    log: Database
    n: int
    request: str
    ending: str

    def path(self, number: int) -> Path:
        """Return the place of a part, by its number from 1."""
        return self.log.path.with_name(f"{number}{self.ending}")

    @property
    def paths(self) -> list[Path]:
        """The places of all parts."""
        return [self.path(number) for number in range(1, self.n + 1)]

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not finished."""
        done = self.log.latest(DONE)
        return [
            number
            for number in range(1, self.n + 1)
            if done.get(str(number)) != self.request or not self.path(number).exists()
        ]

    def finish(self, number: int) -> None:
        """Record that a part is finished."""
        with write_errors(str(self.log.path.parent)):
            self.log.add(DONE, str(number), self.request)

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
        self.log.close()
        shutil.rmtree(self.log.path.parent, ignore_errors=True)


def _delete(part: Path) -> None:
    """Delete a part, and the database beside a table."""
    shutil.rmtree(part, ignore_errors=True)
    for file in (part, *part.parent.glob(f"{part.name}.*")):
        if not file.is_dir():
            file.unlink(missing_ok=True)


def parts_folder(result: Path) -> Path:
    """Return the folder of a result's parts."""
    return result.with_name(f"{result.name}.parts")


def remove_parts(result: Path) -> None:
    """Delete the parts that a command has left which was killed after its merge, if there are any.

    A folder of the same name with other files stays.
    """
    if is_regular(parts_folder(result) / PARTS_FILE):
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
        require_own_or_empty(folder, (PARTS_FILE,), PURPOSE, instead="remove this folder")
    with ExitStack() as held:
        try:
            with write_errors(str(folder)):
                log = Database(folder / PARTS_FILE, PURPOSE, owner=str(result))
                held.enter_context(log)
                planned = log.latest(PLAN)
                if not planned:
                    log.add(PLAN, "", n)
        except DamagedDatabase as error:
            raise DataError(
                f"{error}; or remove {folder}, and the same command begins anew"
            ) from error
        yield Parts(log, planned.get("", n), request, ending)
