"""Remote places for tests: the memory of the process, where requests can be made to fail."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class TroubledFileSystem(MemoryFileSystem):
    """Files in memory as troubled://…; a request for a name in `faults` raises that error."""

    protocol = "troubled"
    store: ClassVar[dict] = {}
    pseudo_dirs: ClassVar[list] = [""]
    faults: ClassVar[dict[str, Exception]] = {}
    requests: ClassVar[list[tuple[str, str]]] = []

    def info(self, path, **options):
        self._request("info", path)
        return super().info(path, **options)

    def cat_file(self, path, start=None, end=None, **options):
        self._request("cat_file", path)
        return super().cat_file(path, start=start, end=end, **options)

    def ls(self, path, detail=True, **options):
        self._request("ls", path)
        return super().ls(path, detail=detail, **options)

    def _request(self, kind, path):
        self.requests.append((kind, path))
        for name, error in self.faults.items():
            if name in path:
                raise error

    @classmethod
    def empty(cls) -> None:
        cls.store.clear()
        cls.pseudo_dirs[:] = [""]
        cls.faults.clear()
        cls.requests.clear()


fsspec.register_implementation("troubled", TroubledFileSystem, clobber=True)


def put_folder(folder: Path, url: str) -> None:
    """Copy the files of a folder to a URL."""
    files = fsspec.filesystem(url.partition("://")[0])
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe(f"{url}/{path.relative_to(folder).as_posix()}", path.read_bytes())
