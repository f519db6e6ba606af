"""Damage to a library, and to the files of an encoder, which are lost or exchanged, too."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import final

import numpy as np
from PIL import Image

from benchmarks.robustness.artifacts import Answer, Artifact, run
from benchmarks.robustness.damage_trials import DamagedArtifacts
from metaadapter import FeatureStore
from metaadapter.features.encoders import encoder_source

ENTRIES = {"birds": ("--generator=closed-form",), "ten": ("--no-text",), "wear": ()}


def _make_library(folder: Path, store: Path) -> None:
    for name, options in ENTRIES.items():
        adapter = folder.with_name(name)
        run("adapt", store, "--out", adapter, *options)
        run("library", "add", folder, adapter)


def _ask_library(library: Path, store: Path, _out: Path) -> Iterator[Answer]:
    yield run("library", "list", library, "--json")
    yield run("library", "identify", library, store, "--json")
    yield run("library", "predict", library, store, "--json")


def _make_encoder(folder: Path, _store: Path) -> None:
    shutil.copytree(encoder_source.TINY, folder)


def _ask_folder(folder: Path, _store: Path, out: Path) -> Iterator[Answer]:
    yield from _encoded(str(folder), out)


def _ask_package(folder: Path, _store: Path, out: Path) -> Iterator[Answer]:
    with _package_in(folder):
        yield from _encoded("tiny", out)


def _encoded(encoder: str, out: Path) -> Iterator[Answer]:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for label in ("heron", "lynx"):
        (out / "pictures" / label).mkdir(parents=True)
        Image.fromarray(pixels).save(out / "pictures" / label / "1.png")
    answer = run("encode", out / "pictures", "--out", out / "store", "--encoder", encoder)
    if answer.code:
        yield answer
        return
    store = FeatureStore.open(out / "store")
    texts = b"" if store.texts is None else store.texts.tobytes()
    digest = hashlib.sha256(np.array(store.features).tobytes() + texts)
    yield Answer(0, digest.hexdigest(), answer.err)


@contextmanager
def _package_in(folder: Path) -> Iterator[None]:
    shipped = encoder_source.TINY
    encoder_source.TINY = folder
    try:
        yield
    finally:
        encoder_source.TINY = shipped


SHARED = {
    "library": Artifact(_make_library, _ask_library),
    "encoder folder": Artifact(_make_encoder, _ask_folder),
    "encoder in the package": Artifact(_make_encoder, _ask_package),
}


@final
class DamagedShared(DamagedArtifacts):
    """A library and encoders in a folder, whose copies are damaged."""

    ARTIFACTS = SHARED
    KINDS = tuple(SHARED)
    # The files of a library are its entries: without one it is another library.
    WHOLE_FILES: Mapping[str, float] = {"encoder folder": 0.4, "encoder in the package": 0.4}
    IS_SHARED = True
