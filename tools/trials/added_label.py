"""The average precision of a class that is added to an adapter of several labels.

    python -m tools.trials.added_label caltech101-val.zip FOLDER

Pictures of one to three classes of ten side by side. For each class: an adapter of the nine others
(complete labels of 60 pictures), to which the class is added with 8 pictures that show it.
"""

# ruff: noqa
import io, sys, zipfile
from pathlib import Path
import numpy as np, torch
from PIL import Image
from sklearn.metrics import average_precision_score
from metaadapter import FrozenEncoder
from metaadapter.adapter.weights import probabilities
from metaadapter.workflow.new_class import add_class
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier

torch.set_num_threads(1)
archive, folder = zipfile.ZipFile(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(exist_ok=True)
names = [n for n in archive.namelist() if n.lower().endswith((".jpg", ".png", ".webp"))]
by = {}
for n in names:
    by.setdefault(n.split("/")[-2], []).append(n)
classes = sorted(by, key=lambda c: -len(by[c]))[:10]
classes.sort()
rng = np.random.default_rng(0)
paths, shows = [], []
for number in range(360):
    chosen = rng.choice(10, rng.integers(1, 4), replace=False)
    sheet = Image.new("RGB", (160 * len(chosen), 160))
    for place, c in enumerate(chosen):
        pic = (
            Image.open(io.BytesIO(archive.read(rng.choice(by[classes[c]]))))
            .convert("RGB")
            .resize((160, 160))
        )
        sheet.paste(pic, (160 * place, 0))
    path = folder / f"{number}.png"
    sheet.save(path)
    paths.append(path)
    shows.append(np.isin(np.arange(10), chosen))
encoder = FrozenEncoder.load("tiny")
X, shows = encoder.encode_images(paths), np.array(shows)
T = dict(zip(classes, encoder.encode_texts(classes)))
rows = []
for seed in range(4):
    order = np.random.default_rng(seed).permutation(360)
    old, rest = order[:60], order[60:]
    for c in range(10):
        others = [k for k in range(10) if k != c]
        new = rest[shows[rest, c]][:8]
        queries = np.setdiff1d(rest, new)
        if len(new) < 8:
            continue
        base = SeveralLabelsClassifier(
            {classes[k]: T[classes[k]] for k in others}, encoder=encoder
        ).fit(X[old], shows[old][:, others])
        grown = add_class(
            base.stored_,
            classes[c],
            torch.from_numpy(X[new]),
            T[classes[c]],
            encoder=encoder,
            generator="default",
        )
        both = np.concatenate([old, new])

        def answers(y):
            clf = SeveralLabelsClassifier(T, encoder=encoder).fit(X[both], y)
            return clf.predict_proba(X[queries])[:, c], clf.thresholds_[c]

        true = shows[both].astype(float)
        as_no = true.copy()
        as_no[:60, c] = 0
        as_no[60:, others] = np.nan
        p = probabilities(torch.from_numpy(X[queries]), grown.weights).numpy()[:, c]
        q, wanted = shows[queries, c], []
        for p, t in ((p, float(grown.weights.label_thresholds[c])), answers(as_no), answers(true)):
            hit = p >= t
            wanted += [
                100 * average_precision_score(q, p),
                200 * (hit & q).sum() / (hit.sum() + q.sum()),
            ]
        rows.append(wanted)
rows = np.array(rows)
print(len(rows), "AP, F1: added | old pictures as a no | all labels known")
print(rows.mean(0).round(1), (rows.std(0, ddof=1) / len(rows) ** 0.5).round(1))
for a, b in ((0, 2), (1, 3), (0, 4), (1, 5)):
    d = rows[:, a] - rows[:, b]
    print(a, "-", b, d.mean().round(2), "±", (2 * d.std(ddof=1) / len(d) ** 0.5).round(2))
