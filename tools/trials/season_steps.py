# ruff: noqa
"""What each step of a season gains: python season_steps.py FOLDER BOXES (of benchmarks/boxes)."""

import sys
import warnings
from pathlib import Path

import numpy as np
from boxed_frames import Frames, macro_accuracy, texts_of, told

from metaadapter.apps.advice.representatives import representatives

warnings.filterwarnings("ignore")
frames = Frames(Path(sys.argv[1]), Path(sys.argv[2]))
animals = np.flatnonzero(frames.labels != "empty")
texts = texts_of(sorted({*frames.labels[animals]}))
STEPS = ("whole, random", "whole, chosen", "boxes, random", "boxes, chosen", "boxes, chosen, pool")
for n in (10, 30):
    results = {step: [] for step in STEPS}
    for draw in range(20):
        rng = np.random.default_rng([draw, 5])
        candidates, queries = [], []
        for name in rng.permutation([*texts]):
            rows = rng.permutation(np.flatnonzero(frames.labels == name))
            half = len(rows) // 2
            queries += rows[half:].tolist()
            candidates += rows[:half].tolist()
        candidates, queries = np.sort(candidates), np.array(queries)
        random = candidates[np.random.default_rng([draw, 9]).permutation(len(candidates))[:n]]
        of_whole = candidates[representatives(frames.whole[candidates], n)]
        of_boxes = candidates[representatives(frames.surest[candidates], n)]
        rest = np.setdiff1d(animals, of_boxes)
        pool = frames.boxes[np.isin(frames.frame_of_box, rest)]
        cases = (
            (frames.whole, random, None),
            (frames.whole, of_whole, None),
            (frames.surest, random, None),
            (frames.surest, of_boxes, None),
            (frames.surest, of_boxes, pool),
        )
        for step, (rows, support, unlabelled) in zip(STEPS, cases):
            accuracy = macro_accuracy(rows, frames.labels, support, queries, texts, unlabelled)
            results[step].append(accuracy)
    for step, before in zip(STEPS, (STEPS[0], *STEPS)):
        print(n, step, told(results[step], results[before]), "against the line before")
