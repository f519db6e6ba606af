# ruff: noqa
"""Composed pictures: python -m tools.trials.several_labels.compose FOLDER OUT N SEED collage|paste

Run it beside the unpacked caltech-background.zip."""

import sys, csv
from pathlib import Path
import numpy as np
from tools.scenes.collage import make_collage
from tools.scenes.scene import make_scene
from tools.scenes.sources import Source, ObjectClass, list_pictures
from metaadapter.features.prompts import readable_name

folder, out, n, seed, kind = (
    Path(sys.argv[1]),
    Path(sys.argv[2]),
    int(sys.argv[3]),
    int(sys.argv[4]),
    sys.argv[5],
)
out.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(seed)
dirs = sorted(
    p
    for p in folder.rglob("*")
    if p.is_dir() and any(q.suffix in (".jpg", ".png") for q in p.iterdir())
)
src = Source(folder.name, "whole" if kind == "collage" else "plain")
cl = [ObjectClass(d.name, src, list_pictures(d)) for d in dirs]
bg = list_pictures(Path("caltech-background"))
ch = np.full(len(cl), 1 / len(cl))
rows = []
for i in range(n):
    s = make_collage(cl, ch, rng) if kind == "collage" else make_scene(cl, ch, bg, rng)
    if not s.objects:
        continue
    f = f"{i:04d}.jpg"
    s.picture.save(out / f, quality=90)
    rows.append((f, "|".join(sorted({o.name for o in s.objects}))))
with open(out / "manifest.csv", "w", newline="") as h:
    w = csv.writer(h)
    w.writerow(["path", "label"])
    w.writerows(rows)
