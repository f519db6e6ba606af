"""Names alone with a pool: the mean of the pool taken away, and rounds after it, by the power of the first answer."""
import sys
from dataclasses import replace as rep
from trials.pool import *
from trials.pool5 import pooled
import metaadapter.generator.generator as G
from metaadapter.generator.pool import PoolForm

def main():
    torch.set_num_threads(1)
    gen = load_generator("closed-form")
    forms = {"centred": rep(PoolForm(), n_rounds=1, sharpness=1e-6, first_power=1.0, mixture_scale=1.0, share_prior=100.)}
    for p in (1.0, 2.0, 4.0):
        for s in (5.0, 10.0):
            forms[f"p{p:g} s{s:g}"] = rep(PoolForm(), first_power=p, sharpness=s)
            forms[f"p{p:g} s{s:g} flat"] = rep(PoolForm(), first_power=p, sharpness=s, share_prior=2.0)
    for kind in ("balanced", "skewed"):
        table = {}
        for name in SETS:
            src = load_source(Path(sys.argv[1]) / name)
            F, T = src.features_nVD[:, 0], src.text_CD
            shots, tasks = draw(src, 12, kind, 77)
            for own, S, Q, P, L in tasks:
                y = torch.cat([torch.full((len(q),), i) for i, q in enumerate(Q)])
                xq, u = F[np.concatenate(Q)].double(), F[P].double()
                sup = Support.of_tasks(F[S[:, :0]][None], T[own][None], logit_scale=src.logit_scale, blocks=src.blocks).exact
                for tag, form in {"none": PoolForm(), **forms}.items():
                    G.POOL_FORM = form
                    w = gen.predict(sup if tag == "none" else sup.with_pool(u))
                    c, a = classify(xq[None], w)[0].softmax(-1).max(-1)
                    table.setdefault((tag, name), []).append((c.numpy(), (a == y).double().numpy()))
        for tag in dict.fromkeys(t for t, _ in table):
            cells, es = [], []
            for name in SETS:
                c, r = (np.concatenate(x) for x in zip(*table[tag, name]))
                _, r0 = (np.concatenate(x) for x in zip(*table["none", name]))
                cells.append(100 * (r.mean() - (0 if tag == "none" else r0.mean()))); es.append(pooled(c, r))
            print(f"{kind:9} {tag:14}", " ".join(f"{x:6.1f}" for x in cells), "mean %.1f" % np.mean(cells), "ece %.1f" % np.mean(es), flush=True)
main()
