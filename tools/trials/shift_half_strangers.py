"""Pools of a test set in its own domain: with strangers of another source in half, or alone."""
from tools.trials.shift_tasks import *

T = ["test-flowers17", "test-grocery", "test-dtd10"]
G = GEN["default"]
total = {}
for name in T:
    foreign = load("caltech101-val" if name != "test-dtd10" else "tiny-imagenet-val")[1]
    for i, t in enumerate(tasks(name, name, 7, (1, 4, 10), n_query=10, pool=70, n_tasks=40, seed=31)):
        rng = np.random.default_rng(i)
        n = len(t["pool"])
        strangers = foreign[rng.permutation(len(foreign))[:n]]
        pools = {"none": None, "half": torch.cat([t["pool"], strangers])[rng.permutation(2 * n)], "all": strangers}
        for kind, pool in pools.items():
            for k in (1, 4, 10):
                with torch.no_grad():
                    one = support({**t, "pool": pool}, k, pool is not None)
                    total.setdefault((kind, k), []).append(acc(ans(G(one), t["q"]), t["y"]))
for kind in pools:
    print(kind, *(f"{np.mean(total[kind, k]):.1f}" for k in (1, 4, 10)))
