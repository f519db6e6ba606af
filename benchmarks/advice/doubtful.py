"""The filter Doubtful before and after: python -m benchmarks.advice.doubtful OUT"""

import sys
import pickle, glob, numpy as np
from metaadapter.apps.advice import findings as F
from collections import defaultdict

D = [d for f in sorted(glob.glob(sys.argv[1] + "/*.pkl")) for d in pickle.load(open(f, "rb"))]
R = defaultdict(lambda: np.zeros(6))
for d in D:
    if d["fault"] == "stranger" or d["way"] < 20:
        continue
    ev = d["ev"]
    order = d["order"]
    old = {order[p] for p in np.flatnonzero((ev.log_p.argmax(1) != ev.numbers) & ev.has_others)}
    new = {order[p] for p in [*F.strangers(ev), *(p for p, _ in F.doubtful_labels(ev))]}
    n = len(order)
    t = d["truth"]
    R[d["shots"], d["fault"]] += [
        n - len(t),
        len(old - t),
        len(new - t),
        len(t),
        len(old & t),
        len(new & t),
    ]
for k, r in sorted(R.items()):
    print(
        k,
        "correct in Doubtful %.1f%% -> %.2f%%" % (100 * r[1] / r[0], 100 * r[2] / r[0]),
        "planted %d: %.0f%% -> %.0f%%"
        % (r[3], 100 * r[4] / max(1, r[3]), 100 * r[5] / max(1, r[3])),
        "| of listed, wrong %.0f%% -> %.0f%%"
        % (100 * r[4] / max(1, r[1] + r[4]), 100 * r[5] / max(1, r[2] + r[5])),
    )
