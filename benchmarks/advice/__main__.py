"""Precision and recall of advice: `python -m benchmarks.advice SEEDS lsn STORE...`.

`l` measures wrong labels, `s` strangers, `n` swapped names. See also `clean.py`, `empty.py`.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.advice import measures as M
from benchmarks.advice.draws import read
from metaadapter.features.store.feature_store import FeatureStore

torch.set_num_threads(1)
sets = {Path(path).name: read(FeatureStore.open(path)) for path in sys.argv[3:]}
n, what = int(sys.argv[1]), sys.argv[2]
for k in (2, 4, 8, 16):
    if "l" in what:
        # pooled
        P = []
        for name, pic in sets.items():
            hits = rep = nw = 0
            r = M.measure_labels(pic, k, n)
            P.append(r)
        f = lambda v: " ".join("%5s" % ("-" if isinstance(x, str) else f"{100 * x:.0f}") for x in v)
        num = [x for x, *_ in P if not isinstance(x, str)]
        print(
            "labels",
            k,
            "P",
            f([x[0] for x in P]),
            "mean %.0f" % (100 * np.mean(num) if num else 0),
            "R",
            f([x[1] for x in P]),
            "mean %.0f" % (100 * np.mean([x[1] for x in P])),
            "gain",
            [None if isinstance(x[2], str) else round(x[2], 2) for x in P],
            flush=True,
        )
    if "s" in what:
        P = [
            M.measure_strangers(pic, [o for m, o in sets.items() if m != name], k, n)
            for name, pic in sets.items()
        ]
        print(
            "strangers", k, [round(100 * x[0]) for x in P], "false", [x[1] for x in P], flush=True
        )
    if "n" in what:
        P = [M.measure_names(pic, k, n) for name, pic in sets.items()]
        print(
            "names",
            k,
            [x if isinstance(x, str) else round(100 * x) for x, *_ in P],
            [round(100 * x[1]) for x in P],
            flush=True,
        )
    if "a" in what:
        for name, pic in sets.items():
            print("alarms", k, name, dict(zip(M.KINDS, M.measure_alarms(pic, k, n))), flush=True)
