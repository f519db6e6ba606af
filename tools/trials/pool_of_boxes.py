# ruff: noqa
"""Boxed labels with a pool of whole frames or of boxes: python pool_of_boxes.py FOLDER BOXES."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from boxed_frames import Frames, macro_accuracy, texts_of, told

warnings.filterwarnings("ignore")
frames = Frames(Path(sys.argv[1]), Path(sys.argv[2]))
animals = frames.labels != "empty"
texts = texts_of(sorted({*frames.labels[animals]}))
for n_shot in (1, 2, 4, 8):
    results = {name: [] for name in ("none", "whole", "whole and empty", "boxes")}
    for draw in range(20):
        rng = np.random.default_rng(draw)
        drawn = [rng.permutation(np.flatnonzero(frames.labels == name))[:n_shot] for name in texts]
        support = np.concatenate(drawn)
        queries = np.setdiff1d(np.flatnonzero(animals), support)
        empty = np.flatnonzero(~animals)
        pools = {
            "none": None,
            "whole": frames.whole[queries],
            "whole and empty": frames.whole[np.r_[queries, empty]],
            "boxes": frames.boxes[np.isin(frames.frame_of_box, queries)],
        }
        for name, pool in pools.items():
            case = (frames.surest, frames.labels, support, queries, texts, pool)
            results[name].append(macro_accuracy(*case))
    print(n_shot, {name: told(values, results["none"]) for name, values in results.items()})
