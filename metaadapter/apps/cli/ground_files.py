"""The files into which `metaadapter ground` draws heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaadapter.data.plain_text import one_line
from metaadapter.errors import UsageError


def heat_map_files(out: Path | None, paths: Sequence[Path], phrase: str) -> list[Path | None]:
    """The file for each picture; if two pictures have one name, all files get numbers.

    Raises:
        UsageError: `out` cannot hold the files, or a file that exists is not a heat map of this
            phrase.
    """
    if out is None:
        return [None] * len(paths)
    from metaadapter.data.folder import PICTURE_SUFFIXES
    from metaadapter.labs.grounding.heat_map_file import phrase_of

    suffix = out.suffix.lower()
    is_file = out.is_file() or (suffix in PICTURE_SUFFIXES and not out.is_dir())
    if is_file and len(paths) > 1:
        raise UsageError(
            f"{len(paths)} pictures make as many files, but --out {out} is one file; name a folder"
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
