"""What `metaadapter doctor` looks at, each finding as a value."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Literal

from metaadapter.errors import MetaAdapterError, MissingPackage

__all__ = ["Check", "all_checks"]

# Distribution names; those of extras may be missing.
REQUIRED = (
    "torch",
    "open_clip_torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pillow",
    "safetensors",
    "jaxtyping",
    "pydantic",
    "jinja2",
    "rich",
    "typer",
)
# Package → what alone needs it.
OPTIONAL = {
    "pyarrow": "Parquet manifests and tables",
    "matplotlib": "the figures of `metaadapter report`",
}
OLDEST = {"torch": (2, 6), "open_clip_torch": (3, 0), "numpy": (1, 26), "scikit-learn": (1, 6)}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        status: "ok"; "note", worth knowing; "problem", pictures cannot be classified.
        detail: what was found, and for a note or a problem what to do.
    """

    name: str
    status: Literal["ok", "note", "problem"]
    detail: str

    def to_dict(self) -> dict[str, str]:
        """The JSON form."""
        return asdict(self)


def all_checks() -> Iterator[Check]:
    """Versions, devices, caches, the embedded encoder, optional packages; one after the other."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    required = [_required(name) for name in REQUIRED]
    yield from required
    for name in OPTIONAL:
        yield _optional(name)
    yield from _witnesses()
    if any(check.status == "problem" for check in required):
        return  # the rest would only fail for that reason
    yield _devices()
    yield _threads()
    yield _hub_cache()
    yield _tiny()


def _required(name: str) -> Check:
    found = _version(name)
    if found is None:
        return Check(name, "problem", f"missing; install it with `pip install {name}`")
    oldest = OLDEST.get(name)
    if oldest is not None and _numbers(found) < oldest:
        wanted = ".".join(map(str, oldest))
        return Check(name, "problem", f"{found} is too old: `pip install -U '{name}>={wanted}'`")
    if name == "numpy" and _numbers(found) < (2,) and _version("qpth") is not None:
        return Check(
            name,
            "note",
            f"{found}: held below 2 by qpth, which a plain `pip install learn2learn` brings. It "
            "works; to have numpy 2: `pip uninstall qpth`, then `pip install -U numpy`",
        )
    return Check(name, "ok", found)


def _optional(name: str) -> Check:
    found = _version(name)
    if found is None:
        return Check(name, "note", f"missing; only for {OPTIONAL[name]}: pip install {name}")
    return Check(name, "ok", found)


def _witnesses() -> Iterator[Check]:
    """Two dormant packages that only `tools/`, `benchmarks/` and tests use."""
    from metaadapter._compat import import_higher, import_learn2learn

    for name, load in (("learn2learn", import_learn2learn), ("higher", import_higher)):
        try:
            load()
        except MissingPackage as error:
            yield Check(name, "note", f"not needed to adapt and predict. {error}")
        else:
            yield Check(name, "ok", _version(name) or "")


def _devices() -> Check:
    import torch

    found = [f"cpu ({platform.processor() or platform.machine()})"]
    found += [
        f"cuda:{number} ({torch.cuda.get_device_name(number)})"
        for number in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append("mps")
    return Check("devices", "ok", ", ".join(found))


def _threads() -> Check:
    import torch

    threads, cores = torch.get_num_threads(), _free_cores()
    if threads > cores:
        return Check(
            "threads",
            "note",
            f"torch uses {threads} threads on {cores} core(s), which is slow: set "
            f"OMP_NUM_THREADS={cores}",
        )
    return Check("threads", "ok", f"{threads} of {cores} core(s)")


def _free_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _hub_cache() -> Check:
    from huggingface_hub import constants

    offline = "; no downloads (HF_HUB_OFFLINE)" if constants.HF_HUB_OFFLINE else ""
    return Check("model hub cache", "ok", f"{constants.HF_HUB_CACHE}{offline}")


def _tiny() -> Check:
    """Loading computes the fingerprint, which takes both towers and every weight."""
    from metaadapter.features import FrozenEncoder

    try:
        encoder = FrozenEncoder.load("tiny", device="cpu")
    except MetaAdapterError as error:
        return Check("encoder tiny", "problem", f"{error}; install metaadapter again")
    return Check("encoder tiny", "ok", f"{encoder.dim} wide, {encoder.fingerprint.digest}")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """(2, 13) for "2.13.0+cpu", and (2, 6) for "2.6+cpu": what follows a + names a build."""
    public = version.partition("+")[0]
    return tuple(int(part) for part in public.split(".")[:2] if part.isdigit())
