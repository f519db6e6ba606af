# ruff: noqa
# mypy: ignore-errors
"""The constants of the forecast of accuracy, and its errors on other sets.

    python -m tools.trials.forecast episodes STORE OUT.npz N   # N tasks whose supports grow
    python -m tools.trials.forecast fit OUT.npz…               # constants, and errors with a set left out
    python -m tools.trials.forecast test OUT.npz…              # errors and coverage with the constants

A task has 2 to 40 classes and 1 to 16 pictures of each; its support grows to 2, 4 and 8 times as
many where the set has them. Accuracy is the mean recall on up to 100 other pictures of a class.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
MULTIPLES = (1, 2, 4, 8)
BANDS = ((2, 2), (3, 4), (6, 8), (12, 16))


def episodes(store, out, n):
    from metaadapter.adapter.support import Support
    from metaadapter.adapter.weights import classify
    from metaadapter.features.encoded_pictures import read_store
    from metaadapter.features.store.feature_store import FeatureStore
    from metaadapter.generator.pretrained import shared_generator

    generator, _ = shared_generator("default")
    opened = FeatureStore.open(Path(store))
    encoded = read_store(opened)
    names, y = np.unique(np.array(encoded.labels), return_inverse=True)
    X = torch.nn.functional.normalize(torch.from_numpy(np.asarray(encoded.features)), dim=-1)
    texts = opened.class_texts()
    T = torch.stack(
        [torch.from_numpy(np.array(texts.get(name, np.zeros(X.shape[1], "f4")))) for name in names]
    )
    rng, rows = np.random.default_rng(1), []
    while len(rows) < int(n):
        n_shot = int(rng.choice([2, 2, 3, 4, 4, 6, 8, 12, 16]))
        able = np.flatnonzero(np.bincount(y) >= n_shot + 10)
        if len(able) < 2:
            continue
        n_way = int(min(len(able), np.exp(rng.uniform(np.log(2), np.log(40)))))
        classes = np.sort(rng.choice(able, n_way, replace=False))
        places = [rng.permutation(np.flatnonzero(y == c)) for c in classes]
        fewest = min(map(len, places))
        reach = [k for k in MULTIPLES if n_shot * k + 10 <= fewest]
        queries = [one[n_shot * reach[-1] :][:100] for one in places]
        text = T[classes] if rng.random() < 0.85 else torch.zeros_like(T[classes])
        accuracy = np.full(4, np.nan)
        for k in reach:
            shots = np.concatenate([one[: n_shot * k] for one in places])
            numbers = torch.arange(n_way).repeat_interleave(n_shot * k)
            support = Support.of_rows(
                X[shots], numbers, text, logit_scale=opened.logit_scale, blocks=opened.blocks
            )
            with torch.no_grad():
                if k == 1:
                    log_p = generator.left_out(support).log_p
                    own = float(log_p[torch.arange(len(numbers)), numbers].exp().mean())
                    hard = float((log_p.argmax(-1) == numbers).float().mean())
                weights = generator.predict(support)
                recalls = [
                    float((classify(X[one][None], weights)[0].argmax(-1) == number).float().mean())
                    for number, one in enumerate(queries)
                ]
            accuracy[MULTIPLES.index(k)] = np.mean(recalls)
        rows.append((own, hard, n_way, n_shot, *accuracy))
    np.savez(out, rows=np.array(rows))


def read(path):
    own, hard, n_way, n_shot, *accuracy = np.load(path)["rows"].T
    return np.clip(own, 0.01, 0.99), hard, n_way, n_shot, np.stack(accuracy, 1)


def logit(p):
    return np.log(p / (1 - p))


def constants(sets):
    gains = []
    for place in range(4):
        left, right = np.diag([0.0, 1.0]), np.zeros(2)
        for own, _, _, n_shot, accuracy in sets:
            known = ~np.isnan(accuracy[:, place]) & (n_shot >= 2)
            if known.sum() < 10:
                continue
            p = np.clip(accuracy[known, place], 0.02, 0.985)
            X = np.stack([np.ones(known.sum()), np.log(n_shot[known])], 1)
            weight = 400 * (p * (1 - p)) ** 2 / known.sum()  # errors of accuracy, each set as much
            left += X.T @ (X * weight[:, None])
            right += X.T @ (weight * (logit(p) - logit(own[known])))
        gains.append(np.linalg.solve(left, right))
    return np.array(gains)


def predict(gains, own, n_shot):
    shots = np.log(np.minimum(n_shot, 16))
    steps = gains[:, 0] + gains[:, 1] * shots[:, None]
    return 1 / (1 + np.exp(-logit(own)[:, None] - np.maximum.accumulate(steps, 1)))


def spread(sets, gains, q=0.93):
    from scipy.optimize import minimize

    parts = []
    for own, _, n_way, n_shot, accuracy in sets:
        P = predict(gains, own, n_shot)
        known = ~np.isnan(accuracy) & (n_shot >= 2)[:, None]
        error = np.sqrt(P * (1 - P) / (n_way * n_shot)[:, None])
        parts.append((error[known], np.abs(P - accuracy)[known]))

    def pinball(c):
        total = 0
        for error, miss in parts:
            gap = miss - np.abs(c[0]) - np.abs(c[1]) * error
            total += np.where(gap > 0, q * gap, (q - 1) * gap).mean()
        return total

    return np.abs(minimize(pinball, [0.01, 1.5], method="Nelder-Mead").x)


def show(name, one, gains, c):
    own, hard, n_way, n_shot, accuracy = one
    P = predict(gains, own, n_shot)
    half = c[0] + c[1] * np.sqrt(P * (1 - P) / (n_way * n_shot)[:, None])
    miss = np.abs(P - accuracy)
    inside = np.where(np.isnan(accuracy), np.nan, miss <= half)
    for low, high in BANDS:
        s = (n_shot >= low) & (n_shot <= high)
        if s.any():
            figures = [
                np.nanmean(part[s], 0).round(3) for part in (miss, P - accuracy, inside, half)
            ]
            alone = np.abs(hard - accuracy[:, 0])[s].mean().round(3)
            print(
                f"{name:24} {low:2}-{high:2} error {figures[0]} bias {figures[1]} inside {figures[2]} half {figures[3]} left-out accuracy alone {alone}"
            )


if __name__ == "__main__":
    if sys.argv[1] == "episodes":
        episodes(*sys.argv[2:5])
    else:
        paths = sys.argv[2:]
        sets = [read(path) for path in paths]
        if sys.argv[1] == "fit":
            for path, one in zip(paths, sets):
                kin = [p for p in paths if Path(p).name[:3] == Path(path).name[:3]]
                others = [s for p, s in zip(paths, sets) if p not in kin]
                gains = constants(others)
                show(Path(path).stem, one, gains, spread(others, gains))
            gains = constants(sets)
            print(gains.round(3).tolist(), spread(sets, gains).round(3).tolist())
        else:
            from metaadapter.workflow.forecast import ERRORS, GAINS, SPREAD

            for path, one in zip(paths, sets):
                show(Path(path).stem, one, np.array([*GAINS.values()]), (SPREAD, ERRORS))
