"""The small pictures, stores and artifacts of the trials."""

from __future__ import annotations

import shlex
import tarfile
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.robustness.artifacts import TRAINING, WIDTH, make_store, run
from benchmarks.robustness.forked import preloaded_encoder
from metaadapter import FeatureStore

COLOURS = {"heron": 0, "lynx": 1, "red fox": 2}
METHODS = ("--methods=closed-form,zero-shot", "--shots=1,2", "--jobs=1")


class Materials:
    """Small pictures, stores, evaluations and a configuration, in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.pictures, self.some_pictures = folder / "pictures", folder / "some pictures"
        self.store, self.other_store = folder / "store", folder / "other store"
        self.owls, self.ravens = folder / "owls", folder / "ravens"
        self.config = folder / "training.toml"
        self.prepare = preloaded_encoder()
        """Called in each forked process."""
        self._draw_pictures()
        self._make_stores()
        self.config.write_text(TRAINING)

    @cached_property
    def older_evaluation(self) -> Path:
        return self._evaluated("older evaluation", n_seeds=1)

    @cached_property
    def evaluation(self) -> Path:
        return self._evaluated("evaluation", n_seeds=2)

    @cached_property
    def tars(self) -> Path:
        """The pictures in two tar files."""
        folder = self._folder / "tars"
        folder.mkdir()
        paths = sorted(self.pictures.glob("*/*.png"))
        for number in range(2):
            with tarfile.open(folder / f"{number}.tar", "w") as archive:
                for path in paths[number::2]:
                    archive.add(path, path.relative_to(self.pictures))
        return folder

    @cached_property
    def shards(self) -> tuple[Path, ...]:
        """The stores of three shards of the tar files."""
        parts = tuple(self._folder / f"shard {number}" for number in (1, 2, 3))
        for number, part in enumerate(parts, start=1):
            must("encode", self.tars, "--out", part, "--shard", f"{number}/3", "--quiet")
        return parts

    @cached_property
    def animals(self) -> Path:
        """An adapter of the pictures."""
        out = self._folder / "animals"
        must("adapt", self.some_pictures, "--out", out, "--quiet")
        return out

    @cached_property
    def table_shards(self) -> tuple[Path, ...]:
        """The tables of three shards of the predictions of the pictures."""
        tables = tuple(self._folder / f"shard {number}.csv" for number in (1, 2, 3))
        for number, table in enumerate(tables, start=1):
            shard = f"--shard={number}/3"
            must("predict", self.animals, self.pictures, "--out", table, shard, "--quiet")
        return tables

    @cached_property
    def adapter(self) -> Path:
        return self._adapted("adapter", self.store)

    @cached_property
    def other_adapter(self) -> Path:
        return self._adapted("other adapter", self.other_store)

    def _adapted(self, name: str, store: Path) -> Path:
        out = self._folder / name
        must("adapt", store, "--out", out, "--no-text", "--quiet")
        return out

    def _evaluated(self, name: str, n_seeds: int) -> Path:
        out = self._folder / name
        must("evaluate", self.store, "--out", out, *METHODS, f"--seeds={n_seeds}")
        return out

    def _draw_pictures(self) -> None:
        rng = np.random.default_rng(0)
        for label, colour in COLOURS.items():
            for number in range(4):
                pixels = rng.integers(0, 128, (24, 24, 3), dtype=np.uint8)
                pixels[..., colour] += 100
                for place in (self.pictures, self.some_pictures)[: 2 - number // 2]:
                    (place / label).mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(place / label / f"{number}.png")

    def _make_stores(self) -> None:
        make_store(self.store)
        rng = np.random.default_rng(1)
        labels = [label for label in COLOURS for _ in range(8)]
        for store, named in (
            (self.other_store, labels),
            (self.owls, ["owl"] * 3),
            (self.ravens, ["raven"] * 4),
        ):
            rows = rng.standard_normal((len(named), WIDTH))
            FeatureStore.create(store, rows, named, logit_scale=20.0)


def must(*arguments: object) -> None:
    """Run a command that must succeed."""
    answer = run(*arguments)
    if answer.code:
        raise RuntimeError(f"{shlex.join(map(str, arguments))}: {answer.err}")
