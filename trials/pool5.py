"""Accuracy with and without pools of four kinds, through the package: `python -m trials.pool5 STORES KINDS TASKS SETS`.

For each number of shots (0 is names alone): accuracy on new pictures / on the pool, without a pool, then what the pool changes,
with the paired 95 % interval over tasks, and the calibration error over all answers on new pictures.
"""
import sys
from trials.pool import *
def pooled(c, o):
    b = np.minimum((c * 15).astype(int), 14)
    return 100 * sum(abs(c[b == i].sum() - o[b == i].sum()) for i in range(15)) / len(c)

def main():
    torch.set_num_threads(1)
    gen = load_generator(sys.argv[5] if len(sys.argv) > 5 else "default")
    root, kinds, nt = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
    sets = sys.argv[4].split(",") if len(sys.argv) > 4 and sys.argv[4] != "-" else SETS
    for kind in kinds:
        table = {}
        for name in sets:
            src = load_source(Path(root) / name)
            F, T = src.features_nVD[:, 0], src.text_CD
            shots, tasks = draw(src, nt, kind, 31)
            for own, S, Q, P, L in tasks:
                y = torch.cat([torch.full((len(q),), i) for i, q in enumerate(Q)])
                xq, u, lab = F[np.concatenate(Q)], F[P], torch.from_numpy(L)
                for K in (0, *shots):
                    sup = Support.of_tasks(F[S[:, :K]][None], T[own][None], logit_scale=src.logit_scale, blocks=src.blocks).exact
                    for tag, s in (("none", sup), ("pool", sup.with_pool(u.double()))):
                        w = gen.predict(s)
                        q, uu = classify(xq.double()[None], w)[0], classify(u.double()[None], w)[0]
                        known = lab >= 0
                        c, a = q.softmax(-1).max(-1)
                        table.setdefault((tag, name, K), []).append((100 * float((a == y).double().mean()), 100 * float((uu.argmax(-1) == lab)[known].double().mean()), c.numpy(), (a == y).double().numpy()))
        for tag in ("none", "pool"):
            for name in [*sets, "mean"]:
                cells = []
                for K in (0, *SHOTS):
                    per = []
                    for s in (sets if name == "mean" else [name]):
                        if (tag, s, K) not in table: continue
                        v = table[tag, s, K]; o = table["none", s, K]
                        b = np.array([x[:2] for x in v]).mean(0) - (0 if tag == "none" else np.array([x[:2] for x in o]).mean(0))
                        c, r = np.concatenate([x[2] for x in v]), np.concatenate([x[3] for x in v])
                        d = np.array([x[:2] for x in v]) - np.array([x[:2] for x in o])
                        per.append((*b, pooled(c, r), 100 * (c.mean() - r.mean()), *(d.var(0, ddof=1) / len(d))))
                    if per:
                        m = np.mean(per, 0); half = 1.96 * np.sqrt(np.sum(per, 0)[4:]) / len(per)
                        cells.append("%5.1f/%5.1f ±%.1f/%.1f e%4.1f" % (*m[:2], *half, m[2]))
                if name == "mean" or tag == "pool": print(f"{kind:9} {tag} {name:18}", " ".join(cells), flush=True)
if __name__ == "__main__":
    main()
