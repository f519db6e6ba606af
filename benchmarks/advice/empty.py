"""Of the answers that go to classes without a picture, how many are right, against evidence of names.

python -m benchmarks.advice.empty SEEDS STORES OUT SET...
"""

import sys, pickle
from pathlib import Path
import numpy as np, torch
from metaadapter.features.encoded_pictures import read_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.labelled_support import labelled_support
from metaadapter.workflow.fit_adapter import fit_support
from metaadapter.workflow.prediction.predictions import best_classes, predict_probabilities
from metaadapter.generator.pretrained import shared_generator
from metaadapter.generator.block_weights import weighed

torch.set_num_threads(1)
S = Path(sys.argv[2])


def unit(a):
    return a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-9)


out = []
names = sys.argv[4:]
seeds = int(sys.argv[1])
for name in names:
    st = FeatureStore.open(S / name)
    p = read_store(st)
    X, y, T, blocks = (
        p.features.astype(np.float32),
        np.array(p.labels),
        dict(st.class_texts()),
        st.blocks,
    )
    cl = sorted(c for c in T if T[c].any())
    for way, n_empty in ((6, 1), (10, 1), (10, 3), (20, 2)):
        if way > len(cl):
            continue
        for shots in (1, 3, 8):
            for seed in range(seeds):
                rng = np.random.default_rng([seed, shots, way, n_empty])
                chosen = list(rng.permutation(cl)[:way])
                empty = chosen[:n_empty]
                rows, q = [], []
                for c in chosen:
                    own = rng.permutation(np.flatnonzero(y == c))
                    if c not in empty:
                        rows += own[:shots].tolist()
                    q += own[shots : shots + 12].tolist()
                classes = sorted(chosen)
                texts = {c: T[c] for c in chosen}

                def answers(cs):
                    sup = labelled_support(
                        X[rows],
                        list(y[rows]),
                        cs,
                        {c: T[c] for c in cs},
                        None,
                        blocks=blocks,
                        logit_scale=st.logit_scale or 20.0,
                    )
                    stored = fit_support(sup, cs, names=None, logit_scale=st.logit_scale)
                    pr = predict_probabilities(X[q], stored.weights)
                    return sup, best_classes(cs, pr, stored.weights)

                sup, a = answers(classes)
                _, b = answers([c for c in classes if c not in empty])
                t = np.stack([T[c] for c in classes])
                pictured = [i for i, c in enumerate(classes) if c not in empty]
                r = unit(X[rows])
                num = np.array([classes.index(l) for l in y[rows]])
                raw = r @ t.T
                accs = {}

                def acc(s):  # among pictured
                    return float((np.array(pictured)[s[:, pictured].argmax(1)] == num).mean())

                accs["raw"] = acc(raw)
                accs["raw_all"] = float((raw.argmax(1) == num).mean())
                # canonical
                can = weighed(sup)
                tt = can.text_TND[0].numpy()
                rr = (
                    can.labelled_rows()[0].numpy()
                    if hasattr(can, "labelled_rows")
                    else can.shots_TNKD[can.shot_mask_TNK].numpy()
                )
                nn = sup.labelled_rows()[1].numpy()
                s = rr @ unit(tt).T
                accs["can"] = float((np.array(pictured)[s[:, pictured].argmax(1)] == nn).mean())
                accs["can_all"] = float((s.argmax(1) == nn).mean())
                # double-centred class means
                m = np.stack([X[rows][num == i].mean(0) for i in pictured])
                m = m - m.mean(0)
                tp = t[pictured] - t[pictured].mean(0)
                c2 = unit(tp) @ unit(m).T
                accs["mean"] = float((c2.argmax(0) == np.arange(len(pictured))).mean())
                yq = y[q]
                lab = np.array([x.label for x in a])
                unf = np.array([x.unfamiliar for x in a])
                pb = np.array([x.probability for x in a])
                labb = np.array([x.label for x in b])
                unfb = np.array([x.unfamiliar for x in b])
                go = np.isin(lab, empty) & ~unf
                out.append(
                    dict(
                        set=name,
                        way=way,
                        e=n_empty,
                        shots=shots,
                        seed=seed,
                        **accs,
                        n=len(rows),
                        go=int(go.sum()),
                        right=int((go & (lab == yq)).sum()),
                        possible=int(np.isin(yq, empty).sum()),
                        acc_with=float((lab == yq)[~unf].mean()) if (~unf).any() else 0,
                        n_right_with=int(((lab == yq) & ~unf).sum()),
                        n_wrong_with=int(((lab != yq) & ~unf).sum()),
                        n_right_without=int(((labb == yq) & ~unfb).sum()),
                        n_wrong_without=int(((labb != yq) & ~unfb).sum()),
                        nq=len(q),
                    )
                )
    print(name, len(out), flush=True)
pickle.dump(out, open(sys.argv[3], "wb"))
