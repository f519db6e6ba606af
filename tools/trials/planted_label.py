# ruff: noqa
# mypy: ignore-errors
"""How often a planted wrong label is the first reason of the errors that it causes.

    python -m tools.trials.planted_label STORE…

Of each of 20 tasks of 8 classes one labelled picture gets a wrong label: at random, or the class
that an adapter without it finds most probable beside its own. An error is caused if the answer is
right without the picture. Prints the causes, the errors, and in how many the picture is the first,
or among the first three, of the reasons for the answer.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.features.encoded_pictures import read_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.fit_adapter import fit_support
from metaadapter.workflow.influence import Influence

torch.set_num_threads(1)
N_WAY, N_TASKS, N_QUERY = 8, 20, 20

for place in sys.argv[1:]:
    store = FeatureStore.open(Path(place))
    encoded = read_store(store)
    labels = np.array(encoded.labels)
    X = torch.nn.functional.normalize(torch.from_numpy(np.asarray(encoded.features)), dim=-1)
    texts = {name: torch.from_numpy(np.array(text)) for name, text in store.class_texts().items()}
    for n_shot in (2, 4, 8, 16):
        for kind in ("random", "likely"):
            n_errors = first = among = n_queries = 0
            for task in range(N_TASKS):
                rng = np.random.default_rng([task, n_shot])
                names, counts = np.unique(labels[labels != ""], return_counts=True)
                able = names[counts >= n_shot + 5]
                classes = np.sort(rng.choice(able, min(N_WAY, len(able)), replace=False))
                rows = [rng.permutation(np.flatnonzero(labels == name)) for name in classes]
                support = np.concatenate([some[:n_shot] for some in rows])
                queries = np.concatenate([some[n_shot : n_shot + N_QUERY] for some in rows])
                y = np.searchsorted(classes, labels[support])
                wrong = int(rng.integers(len(support)))
                T = torch.stack([texts[name] for name in classes])

                def fit(kept, numbers):
                    one = Support.of_rows(
                        X[support[kept]],
                        torch.from_numpy(numbers[kept]),
                        T,
                        logit_scale=store.logit_scale,
                        blocks=store.blocks,
                    )
                    return fit_support(
                        one,
                        [*classes],
                        names=None,
                        logit_scale=store.logit_scale,
                        picture_hashes=[str(n) for n in kept],
                    )

                everything = np.arange(len(support))
                without = fit(np.delete(everything, wrong), y)
                exact = without.weights.to(dtype=torch.float64)
                logits = classify(X[support[wrong]].double()[None], exact)[0]
                logits[y[wrong]] = -torch.inf
                others = np.delete(np.arange(len(classes)), y[wrong])
                y[wrong] = logits.argmax() if kind == "likely" else rng.choice(others)
                planted = fit(everything, y)
                true = np.searchsorted(classes, labels[queries])
                right = classify(X[queries].double(), exact).argmax(-1).numpy() == true
                now = classify(X[queries].double(), planted.weights.to(dtype=torch.float64))
                caused = queries[right & (now.argmax(-1).numpy() != true)]
                n_queries += len(queries)
                n_errors += len(caused)
                if len(caused):
                    for why in Influence.of(planted).reasons(X[caused].numpy()):
                        reasons = [reason.picture for reason in why.speak_for]
                        first += reasons[:1] == [str(wrong)]
                        among += str(wrong) in reasons
            print(
                f"{Path(place).name:20} {n_shot:2} {kind:7} {n_queries:5} {n_errors:4} {first:4} {among:4}",
                flush=True,
            )
