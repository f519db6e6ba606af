"""The checks of `metaadapter doctor`: the installation, and files for damage."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from metaadapter.errors import DataError, MetaAdapterError

# A requirement with its oldest version and, for an optional one, the extra that has it.
REQUIREMENT = re.compile(r"([\w.-]+)>=([\d.]+)(?:; extra == ['\"](\w+)['\"])?")


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; the detail says what to do if the status is not "ok"."""

    name: str
    status: Literal["ok", "note", "problem"]
    """A "note" is worth knowing; a "problem" prevents pictures from being classified."""
    detail: str


def all_checks() -> Iterator[Check]:
    """Check versions, optional packages, devices, caches and the embedded encoder."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    requirements = map(REQUIREMENT.fullmatch, metadata.requires("metaadapter") or ())
    packages = [_package(*match.groups()) for match in requirements if match]
    yield from packages
    if all(check.status != "problem" for check in packages):  # the rest needs them
        yield from _machine()


def _package(name: str, oldest: str, extra: str | None) -> Check:
    if (installed := _version(name)) is None:
        if extra is not None:
            remedy = f"missing; only for {extra}: `pip install 'metaadapter[{extra}]'`"
            return Check(name, "note", remedy)
        return Check(name, "problem", f"missing; install it with `pip install {name}`")
    if _numbers(installed) < _numbers(oldest):
        detail = f"{installed} is too old: `pip install -U '{name}>={oldest}'`"
        return Check(name, "note" if extra else "problem", detail)
    if name == "numpy" and _numbers(installed) < (2,) and _version("qpth") is not None:
        return Check(
            name,
            "note",
            f"{installed}: held below 2 by qpth, which a plain `pip install learn2learn` installs. "
            "It works; for numpy 2: `pip uninstall qpth`, then `pip install -U numpy`",
        )
    return Check(name, "ok", installed)


def _machine() -> Iterator[Check]:
    import torch
    from joblib import cpu_count

    devices = [f"cpu ({platform.processor() or platform.machine()})"]
    for number in range(torch.cuda.device_count()):
        devices.append(f"cuda:{number} ({torch.cuda.get_device_name(number)})")
    if torch.backends.mps.is_available():
        devices.append("mps")
    yield Check("devices", "ok", ", ".join(devices))
    threads, cores = torch.get_num_threads(), cpu_count()
    if threads <= cores:
        yield Check("threads", "ok", f"{threads} of {cores} core(s)")
    else:
        slow = f"torch uses {threads} threads on {cores} core(s), which is slow"
        yield Check("threads", "note", f"{slow}: set OMP_NUM_THREADS={cores}")
    from huggingface_hub import constants

    offline = "; no downloads (HF_HUB_OFFLINE)" if constants.HF_HUB_OFFLINE else ""
    yield Check("model hub cache", "ok", f"{constants.HF_HUB_CACHE}{offline}")
    from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

    try:
        # Loading computes the fingerprint, which takes both towers and every weight.
        encoder = FrozenEncoder.load("tiny", device="cpu")
    except MetaAdapterError as error:
        yield Check("encoder tiny", "problem", str(error))
    else:
        yield Check("encoder tiny", "ok", f"{encoder.dim} wide, {encoder.fingerprint.digest}")
    yield _files_of_package()


def _files_of_package() -> Check:
    """Compare the files that the package ships with the hashes that ship with them."""
    from metaadapter.features.encoders.build_encoder import REINSTALL
    from metaadapter.features.encoders.encoder_source import TINY
    from metaadapter.files.checksums import check_files

    files = dict(check_files(TINY.parent))
    faults = [f"{path}: {fault or 'no SHA-256'}" for path, fault in files.items() if fault != ""]
    if faults:
        return Check("files of the package", "problem", f"{'; '.join(faults)}; {REINSTALL}")
    return Check("files of the package", "ok", f"{len(files)} files as they were written")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """(2, 13) for "2.13.0+cpu", and (2, 6) for "2.6+cpu": the part after + names a build."""
    public = version.partition("+")[0]
    return tuple(int(part) for part in public.split(".")[:2] if part.isdigit())


def file_checks(place: Path) -> Iterator[Check]:
    """Check each file of metaadapter in a folder and its subfolders, or one skill file."""
    if not place.exists():
        raise DataError(f"there is no folder or skill file {place}")
    is_empty, folder = True, place if place.is_dir() else place.parent
    for path, fault in _faults(place):
        is_empty, name = False, str(path.relative_to(folder))
        if fault is None:
            yield Check(name, "note", "has no SHA-256, so damage to it cannot be noticed")
        else:
            yield Check(name, "problem" if fault else "ok", fault or "as it was written")
    if is_empty:
        raise DataError(f"nothing in {place} can be checked: give a folder that metaadapter wrote")


def _faults(place: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield each file with its fault; "" if it has no fault, `None` if it has no hash."""
    from metaadapter.adapter.files import check_skill
    from metaadapter.adapter.layout import SKILL_SUFFIX
    from metaadapter.apps.page.project import check_project, projects_below
    from metaadapter.files.checksums import check_files
    from metaadapter.files.db_connection import ENDING
    from metaadapter.files.salvage import check_database

    if not place.is_dir():
        yield from [check_database(place)] if place.suffix == ENDING else check_skill(place)
        return
    yield from check_files(place)
    yield from map(check_database, sorted(place.rglob(f"*{ENDING}")))
    for skill in sorted(place.rglob(f"*{SKILL_SUFFIX}")):
        if not skill.is_dir():
            yield from check_skill(skill)
    for project in projects_below(place):
        yield from check_project(project)
