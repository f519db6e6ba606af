# ruff: noqa
"""Real pictures: python real.py DATA SETS, where DATA has the unpacked archives."""

import sys
import csv, re, collections
from pathlib import Path
from PIL import Image
import numpy as np

D = Path(sys.argv[1])
S = Path(sys.argv[2])


def write(name, rows):
    (S / name).mkdir(parents=True, exist_ok=True)
    with open(S / name / "manifest.csv", "w", newline="") as h:
        w = csv.writer(h)
        w.writerow(["path", "label"])
        w.writerows(rows)
    print(name, len(rows), collections.Counter(l for r in rows for l in r[1].split("|")))


rows = []
for st in ("photo", "cartoon"):
    for d in sorted((D / f"pacs-{st}.large").iterdir()):
        for f in sorted(d.iterdir())[:45]:
            rows.append((str(f), f"{d.name}|{st}"))
write("pacs", rows)
rows = []
for d in sorted((D / "camtrap-us").iterdir()):
    if d.name == "empty":
        sp = []
    else:
        sp = [d.name]
    for f in sorted(d.iterdir()):
        a = np.asarray(Image.open(f).convert("RGB").resize((64, 64)), float)
        sat = (a.max(-1) - a.min(-1)).mean()
        rows.append((str(f), "|".join(sp + ["infrared" if sat < 6 else "daylight"])))
write("camtrap", rows)
stop = {"with", "of", "and", "the", "in", "on", "a", "for", "to", "button", "sign"}
words = collections.Counter()
names = [d.name for d in sorted((D / "emoji-google").iterdir())]
tok = lambda n: sorted({w for w in re.findall(r"[a-z]{3,}", n.lower()) if w not in stop})
for n in names:
    words.update(tok(n))
keep = [w for w, c in words.most_common() if 20 <= c <= 300][:30]
rows = []
for n in names:
    l = [w for w in tok(n) if w in keep]
    if len(l) >= 1:
        for f in (D / "emoji-google" / n).iterdir():
            rows.append((str(f), "|".join(l)))
rng = np.random.default_rng(0)
rows = [rows[i] for i in sorted(rng.permutation(len(rows))[:800])]
write("emoji", rows)
