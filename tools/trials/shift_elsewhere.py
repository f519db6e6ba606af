"""The generator `elsewhere` on pairs of domains without a pool, and on the sets without a shift."""
import sys

from tools.trials.shift_tasks import *

P, C, K, W = "pacs-photo.large", "pacs-cartoon.large", "caltech101-val", "clothing10.large"
T = ["test-flowers17", "test-grocery", "test-dtd10"]
VALIDATION = [(P, C), (C, P)] + [pair for a, b in ((K, K + ".edges"), (W, W + ".edges"), (K, K + ".gray40"), (K, K + ".px20")) for pair in ((a, b), (b, a))]
TEST = [(P, C), (C, P)] + [pair for t in T for d in ("edges", "gray40") for pair in ((t, f"{t}.{d}"), (f"{t}.{d}", t))]
kind, n_tasks = sys.argv[1], int(sys.argv[2])
same = [(K, K), (W, W), ("cifar10",) * 2, ("tiny-imagenet-val",) * 2] if kind == "validation" else [(t, t) for t in T]
methods = {"default": GEN["default"], "elsewhere": load_generator("elsewhere")}
means = {}
for a, b in (VALIDATION if kind == "validation" else TEST) + same:
    ks = (1, 4, 16) if a in (P, C) and a != b else (1, 4, 10)
    rows = {}
    for t in tasks(a, b, 7, ks, n_query=10, n_tasks=n_tasks, seed=21):
        for i, k in enumerate(ks):
            with torch.no_grad():
                figures = {"names": acc(zs(t), t["y"]), "text + mean": acc(text_mean(t, k), t["y"])}
                for name, generator in methods.items():
                    figures[name] = acc(ans(generator.predict(support(t, k)), t["q"]), t["y"])
            for name, figure in figures.items():
                rows.setdefault(name, [[], [], []])[i].append(figure)
    means[a, b] = {name: np.array([np.mean(part) for part in parts]) for name, parts in rows.items()}
    print(a, b, {name: figure.round(1).tolist() for name, figure in means[a, b].items()}, flush=True)
for part in ("shift", "same"):
    keys = [key for key in means if (key[0] != key[1]) == (part == "shift")]
    for name in means[keys[0]]:
        figures = np.array([means[key][name] for key in keys])
        best = np.array([np.maximum(means[key]["names"], means[key]["text + mean"]) for key in keys])
        print(part, name, figures.mean(0).round(1), "worst less the better of names and text + mean", (figures - best).min(0).round(1))
