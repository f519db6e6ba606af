"""Processes that encode tar files, alone or in shards, and merge them, are killed at any moment."""

from __future__ import annotations

import multiprocessing
import random
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from metaadapter.data.reader import read_images
from metaadapter.features.store import encoding_checkpoint
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.features.store.merge import merge_stores

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="no fork and no kill -9 there"),
]
N_PICTURES, N_SHARDS, N_KILLS = 90, 3, 10


@pytest.fixture
def tars(tmp_path, write_many) -> Path:
    """Three tar files of pictures; some are damaged, and some repeat others across the files."""
    write_many(tmp_path / "pictures", N_PICTURES)
    paths = sorted((tmp_path / "pictures").glob("*/*.png"))
    for damaged in paths[7::20]:
        damaged.write_bytes(b"GIF89a cut")
    for copy in paths[11::9]:
        copy.write_bytes(paths[0].read_bytes())
    folder = tmp_path / "tars"
    folder.mkdir()
    for number in range(3):
        with tarfile.open(folder / f"{number}.tar", "w") as archive:
            for path in paths[number * 30 : number * 30 + 30]:
                archive.add(path, path.relative_to(tmp_path / "pictures"))
    return folder


@pytest.fixture
def slow(make_encoder):
    """Makes encoders that take a few milliseconds for each batch."""

    class Slow(make_encoder):
        def encode_pixels(self, batch):
            time.sleep(0.004)
            return super().encode_pixels(batch)

    return Slow


def killed(function: Callable[[], object], seconds: float) -> bool:
    """Run a function in a process that is killed after some time; return whether it was."""
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -9)
    return process.exitcode != 0


def seconds_of(function: Callable[[], object]) -> float:
    started = time.monotonic()
    assert not killed(function, 60)
    return time.monotonic() - started


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def kill_and_finish(function: Callable[[], object], longest: float, moments: random.Random) -> int:
    n_kills = sum(killed(function, moments.uniform(0, longest)) for _ in range(N_KILLS))
    assert not killed(function, 60)
    return n_kills


@pytest.mark.parametrize("place", ["", "file://"])
def test_kills__of_one_process_shards_and_merge__end_in_identical_bytes(
    place, tars, slow, make_encoder, tmp_path, monkeypatch
):
    monkeypatch.setattr(encoding_checkpoint, "FILE_SECONDS", 0.01)
    table, moments, n_kills = read_images(f"{place}{tars}"), random.Random(0), 0
    encode_to_store(table, make_encoder(), tmp_path / "whole", views=2, batch_size=4)
    whole = files_of(tmp_path / "whole")

    def encode(name, shard=None):
        encode_to_store(
            table, slow(), tmp_path / name, views=2, batch_size=6, workers=2, shard=shard
        )

    # Half of the time of a whole run, so that a fast machine is killed as often as a slow one.
    longest = min(seconds_of(lambda n=n: encode(f"timed{n}")) for n in range(3)) / 2
    n_kills += kill_and_finish(lambda: encode("one"), longest, moments)
    assert files_of(tmp_path / "one") == whole
    parts = [tmp_path / f"part{number}" for number in range(1, N_SHARDS + 1)]
    for number, part in enumerate(parts, start=1):
        shard = number, N_SHARDS
        n_kills += kill_and_finish(
            lambda p=part, s=shard: encode(p.name, s), longest / N_SHARDS, moments
        )

    def merge_all():
        if not (tmp_path / "merged/store.json").exists():
            merge_stores(parts, tmp_path / "merged")

    n_kills += kill_and_finish(merge_all, 0.05, moments)
    assert files_of(tmp_path / "merged") == whole
    assert n_kills >= N_KILLS  # some runs end before their moment
