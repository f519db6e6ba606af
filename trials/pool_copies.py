"""Names alone with a balanced pool on the test sets, and pools of copies of the labelled pictures on the others.

    python -m trials.pool_copies STORES      (pool.py of commit d3cb091 beside it)
"""
import sys
from trials.pool import *

TEST = ["test-flowers17", "test-grocery", "test-dtd10"]


def pooled(c, o):
    b = np.minimum((c * 15).astype(int), 14)
    return 100 * sum(abs(c[b == i].sum() - o[b == i].sum()) for i in range(15)) / len(c)


def main():
    torch.set_num_threads(1)
    gen = load_generator("default")
    for name in TEST:
        src = load_source(Path(sys.argv[1]) / name)
        F, T = src.features_nVD[:, 0], src.text_CD
        found = {"none": [], "pool": []}
        for own, S, Q, P, L in draw(src, 100, "balanced", 31)[1]:
            y = torch.cat([torch.full((len(q),), i) for i, q in enumerate(Q)])
            sup = Support.of_tasks(F[S[:, :0]][None], T[own][None], logit_scale=src.logit_scale, blocks=src.blocks).exact
            for tag, s in (("none", sup), ("pool", sup.with_pool(F[P].double()))):
                c, a = classify(F[np.concatenate(Q)].double()[None], gen.predict(s))[0].softmax(-1).max(-1)
                found[tag].append((c.numpy(), (a == y).double().numpy()))
        for tag, v in found.items():
            c, r = (np.concatenate(x) for x in zip(*v))
            print("names alone", name, tag, "accuracy %.1f" % (100 * r.mean()), "calibration error %.1f" % pooled(c, r), flush=True)
    tab = {}
    for name in SETS:
        src = load_source(Path(sys.argv[1]) / name)
        F, T = src.features_nVD[:, 0], src.text_CD
        shots, tasks = draw(src, 20, "balanced", 31)
        for own, S, Q, P, L in tasks:
            y = torch.cat([torch.full((len(q),), i) for i, q in enumerate(Q)])
            xq = F[np.concatenate(Q)].double()
            for K in shots:
                sup = Support.of_tasks(F[S[:, :K]][None], T[own][None], logit_scale=src.logit_scale, blocks=src.blocks).exact
                for tag, s in (("none", sup), ("copies", sup.with_pool(sup.rows_TMD[0]))):
                    right = classify(xq[None], gen.predict(s))[0].argmax(-1) == y
                    tab.setdefault((tag, K, name), []).append(100 * float(right.double().mean()))
    print("copies", [round(float(np.mean([np.mean(tab["copies", K, s]) - np.mean(tab["none", K, s]) for s in SETS if ("copies", K, s) in tab])), 2) for K in SHOTS])


main()
