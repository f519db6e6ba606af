# ruff: noqa
"""Paired differences to the best peer over the draws: python differences.py RUN/scores.csv …"""

import sys
import numpy as np, pandas as pd
from scipy.stats import t

for file in sys.argv[1:]:
    for k, g in pd.read_csv(file).groupby("shots"):
        w = g.pivot(index="seed", columns="method", values="mean_average_precision")
        best = w.drop(columns="default").mean().idxmax()
        d = w["default"] - w[best]
        half = t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
        print(file, k, best, f"{d.mean():+.1f} ± {half:.1f}")
