"""`metaadapter doctor`: what is installed, what works, what to do about the rest."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Exit, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.advise import advise_on
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.apps.cli.places import list_places
from metaadapter.errors import DataError, MetaAdapterError, MissingPackage, UsageError

MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
# Package → what alone needs it.
OPTIONAL = {
    "pyarrow": "Parquet manifests and tables",
    "matplotlib": "the figures of `metaadapter report`",
    "fastapi": "the page of `metaadapter serve`",
    "uvicorn": "the page of `metaadapter serve`",
    "python-multipart": "the page of `metaadapter serve`",
    "onnx": "`metaadapter export --onnx`",
    "onnxscript": "`metaadapter export --onnx`",
    "onnxruntime": "`metaadapter export --onnx`",
}
# Two dormant packages that only `tools/`, `benchmarks/` and tests use.
WITNESSES = ("learn2learn", "higher")


def doctor(
    *,
    verify: Annotated[
        Path | None,
        Option(
            metavar="PATH",
            help="Check instead whether files of a store, an adapter, a library of adapters, a "
            "generator, an evaluation or a training run are damaged, or a skill file.",
        ),
    ] = None,
    advise: Annotated[
        Path | None,
        Option(
            metavar="SUPPORT",
            help="Tell instead what to do about labelled pictures, as `adapt` takes them: labels "
            "and names that look wrong, classes that need pictures or cannot be told apart, "
            "pictures that are nearly the same.",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        Option(metavar="FILE", help="With --advise: write it, with the pictures, to an HTML page."),
    ] = None,
    places: Annotated[
        str | None,
        Option(
            metavar="ENCODER",
            help="List instead where adapters can stand inside the towers of an encoder of "
            "open_clip: after which blocks of its image tower and of its text tower.",
        ),
    ] = None,
    encoder: options.EncoderOfPictures = None,
    split: options.Split = None,
    json_output: options.Json = False,
) -> None:
    """Print versions, devices, caches and known conflicts.

    Or check files with --verify, give advice on labelled pictures with --advise, or list the places
    in an encoder's towers with --places.

    Ends with 1 if something keeps pictures from being classified, and with 3 if --verify finds a
    damaged file, else with 0.
    """
    console = Console(json_output=json_output)
    given = {"--advise": advise, "--verify": verify, "--places": places}
    if len(chosen := [name for name, value in given.items() if value is not None]) > 1:
        raise UsageError(f"{' and '.join(chosen)} look at different things; give one of them")
    if advise is not None:
        advise_on(
            advise, console, encoder=encoder, split=split, page_file=page, json_output=json_output
        )
        return
    if page is not None or encoder is not None or split is not None:
        raise UsageError("--page, --encoder and --split go with --advise alone")
    if places is not None:
        list_places(places, console, json_output=json_output)
        return
    checks = []
    for check in all_checks() if verify is None else file_checks(verify):
        checks.append(check)
        if not json_output:
            # What is told of files has names of files in it, which may hold anything.
            lines = check.detail.split("\n") if verify is None else [check.detail]
            console.result(f"{MARKS[check.status]}  {check.name}: {lines[0]}", *lines[1:])
    healthy = all(check.status != "problem" for check in checks)
    if json_output:
        print_document("doctor", {"healthy": healthy, "checks": [*map(asdict, checks)]})
    if not healthy:
        raise Exit(1 if verify is None else 3)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, what was found, and what to do where it is not "ok"."""

    name: str
    status: Literal["ok", "note", "problem"]
    """A "note" is worth knowing; with a "problem" pictures cannot be classified."""
    detail: str


def file_checks(place: Path) -> Iterator[Check]:
    """Each file of ours that can be checked in a folder and those within it, or in a skill file."""
    if not place.exists():
        raise DataError(f"there is no folder {place}, and no skill file")
    found, folder = False, place if place.is_dir() else place.parent
    for path, fault in _files(place):
        found, name = True, str(path.relative_to(folder))
        if fault is None:
            yield Check(name, "note", "has no SHA-256: it is of an earlier version, or damaged")
        else:
            yield Check(name, "problem" if fault else "ok", fault or "as it was written")
    if not found:
        raise DataError(
            f"nothing in {place} can be checked: expected a folder that metaadapter has written, "
            "with this version or a later one"
        )


def _files(place: Path) -> Iterator[tuple[Path, str | None]]:
    from metaadapter.adapter.layout import SKILL_SUFFIX
    from metaadapter.adapter.skill import check_skill
    from metaadapter.apps.page.history import HISTORY_FILE, read_contents
    from metaadapter.bench.evaluation.folder import JOURNAL_FILE, Journal
    from metaadapter.data.proof import check_files
    from metaadapter.training.checkpoint import load_checkpoint
    from metaadapter.training.run import CHECKPOINT

    if not place.is_dir():
        yield from check_skill(place)
        return
    yield from check_files(place)
    for skill in sorted(place.rglob(f"*{SKILL_SUFFIX}")):
        if not skill.is_dir():
            yield from check_skill(skill)
    # Kinds of files that have their proof within them.
    readers: dict[str, Callable[[Path], Any]] = {
        JOURNAL_FILE: Journal,
        CHECKPOINT: load_checkpoint,
        HISTORY_FILE: read_contents,
    }
    for name, read in readers.items():
        for path in sorted(place.rglob(name)):
            try:
                read(path)
            except MetaAdapterError as error:
                yield path, str(error)
            else:
                yield path, ""


def all_checks() -> Iterator[Check]:
    """Versions, optional packages, devices, caches, the embedded encoder; one after the other."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    required = list(_required())
    yield from required
    yield from map(_optional, OPTIONAL)
    yield from map(_witness, WITNESSES)
    if all(check.status != "problem" for check in required):  # else the rest would only fail
        yield from _machine()


def _required() -> Iterator[Check]:
    """The packages that pyproject.toml asks for without an extra, each as new as it says."""
    for requirement in metadata.requires("metaadapter") or ():
        plain = re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement)
        if plain is not None and plain[1] not in WITNESSES:
            yield _at_least(plain[1], plain[2])


def _at_least(name: str, oldest: str) -> Check:
    if (found := _version(name)) is None:
        return Check(name, "problem", f"missing; install it with `pip install {name}`")
    if _numbers(found) < _numbers(oldest):
        return Check(name, "problem", f"{found} is too old: `pip install -U '{name}>={oldest}'`")
    if name == "numpy" and _numbers(found) < (2,) and _version("qpth") is not None:
        return Check(
            name,
            "note",
            f"{found}: held below 2 by qpth, which a plain `pip install learn2learn` brings. It "
            "works; to have numpy 2: `pip uninstall qpth`, then `pip install -U numpy`",
        )
    return Check(name, "ok", found)


def _optional(name: str) -> Check:
    if (found := _version(name)) is None:
        return Check(name, "note", f"missing; only for {OPTIONAL[name]}: pip install {name}")
    return Check(name, "ok", found)


def _witness(name: str) -> Check:
    from metaadapter import _compat

    try:
        getattr(_compat, f"import_{name}")()
    except MissingPackage as error:
        return Check(name, "note", f"not needed to adapt and predict. {error}")
    return Check(name, "ok", _version(name) or "")


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
    # Each thing is told before the next is loaded, which may fail.
    from huggingface_hub import constants

    offline = "; no downloads (HF_HUB_OFFLINE)" if constants.HF_HUB_OFFLINE else ""
    yield Check("model hub cache", "ok", f"{constants.HF_HUB_CACHE}{offline}")
    from metaadapter.features.encoder import FrozenEncoder

    try:
        # Loading computes the fingerprint, which takes both towers and every weight.
        encoder = FrozenEncoder.load("tiny", device="cpu")
    except MetaAdapterError as error:
        yield Check("encoder tiny", "problem", f"{error}; install metaadapter again")
    else:
        yield Check("encoder tiny", "ok", f"{encoder.dim} wide, {encoder.fingerprint.digest}")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """(2, 13) for "2.13.0+cpu", and (2, 6) for "2.6+cpu": what follows a + names a build."""
    public = version.partition("+")[0]
    return tuple(int(part) for part in public.split(".")[:2] if part.isdigit())
