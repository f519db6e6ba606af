"""Odd pictures among good ones: each is encoded, or listed with a reason, and none is lost."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.robustness.forked import preloaded_encoder, run_forked
from benchmarks.robustness.odd_pictures import KINDS, sound_picture
from benchmarks.robustness.trial import Verdict
from metaadapter import FeatureStore

CLASSES = ("heron", "lynx", "red fox")
MOST_PICTURES = 6


class Pictures:
    """Runs commands that read pictures, on a random folder for each trial."""

    KINDS = ("encode", "adapt", "predict")

    def __init__(self, folder: Path) -> None:
        self._pictures, self._out, self._scratch = (
            folder / name for name in ("pictures", "out", "said")
        )
        self._scratch.mkdir()
        self._prepare = preloaded_encoder()
        sound, self._adapter = folder / "sound", folder / "adapter"
        for label in CLASSES:
            (sound / label).mkdir(parents=True)
            sound_picture(sound / label / "0", np.random.default_rng(0))
        ending = run_forked(["adapt", sound, "--out", self._adapter], self._scratch, self._prepare)
        if ending.code:
            raise RuntimeError(str(ending))

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        for folder in (self._pictures, self._out):
            shutil.rmtree(folder, ignore_errors=True)
        what = self._draw(rng)
        arguments: dict[str, list[object]] = {
            "encode": ["encode", self._pictures, "--out", self._out],
            "adapt": ["adapt", self._pictures, "--out", self._out],
            "predict": ["predict", self._adapter, self._pictures],
        }
        ending = run_forked([*arguments[kind], "--json"], self._scratch, self._prepare)
        if ending.code == 3 and kind == "adapt" and "picture" in ending.err:
            return Verdict("refused", what)
        if ending.code:
            return Verdict("fault", what, failed=True, detail=str(ending))
        files = {str(path) for path in self._pictures.rglob("*") if not path.is_dir()}
        document = json.loads(ending.out)
        left_out = Counter(entry["path"] for entry in document["quarantined"])
        read = self._read(kind, document, files - set(left_out))
        if read + left_out != Counter(files):
            odd = sorted(set(read + left_out) ^ files)
            return Verdict("lost or doubled", what, failed=True, detail=f"{odd}\n{ending.out}")
        if not all(entry["reason"] for entry in document["quarantined"]):
            return Verdict("no reason", what, failed=True, detail=ending.out)
        return Verdict("some left out" if left_out else "all read", what)

    def _draw(self, rng: np.random.Generator) -> str:
        drawn = []
        for label in CLASSES:
            (self._pictures / label).mkdir(parents=True)
            sound_picture(self._pictures / label / "sound", rng)
            for number in range(rng.integers(MOST_PICTURES)):
                name = str(rng.choice(list(KINDS)))
                KINDS[name](self._pictures / label / f"{number}", rng)
                drawn.append(f"{label}/{number} {name}")
        return ", ".join(drawn)

    def _read(self, kind: str, document: dict[str, Any], others: set[str]) -> Counter[str]:
        """The pictures that the command has read, with their counts."""
        if kind == "predict":
            return Counter(entry["path"] for entry in document["predictions"])
        if kind == "encode":
            rows = FeatureStore.open(self._out).rows
            return Counter(picture.path for picture in rows.pictures())
        # An adapter has no paths, so only the number is compared.
        return Counter(others) if document["n_pictures"] == len(others) else Counter()
