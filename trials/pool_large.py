import sys
from trials.pool import *
def main():
    torch.set_num_threads(1)
    gens = {n: load_generator(n) for n in ("default", "closed-form")}
    for name in ("cifar10", "tiny-imagenet-val"):
        src = load_source(Path(sys.argv[1]) / name); F, T = src.features_nVD[:, 0], src.text_CD
        print(name, len(F), len(T))
        for per in (15, 60, 200):
            tab = {}
            for own, S, Q, P, L in draw(src, 6, "balanced", 5, per_class=per)[1]:
                y = torch.cat([torch.full((len(q),), i) for i, q in enumerate(Q)]); xq, u = F[np.concatenate(Q)].double(), F[P].double()
                for K in (1, 4, 16):
                    sup = Support.of_tasks(F[S[:, :K]][None], T[own][None], logit_scale=src.logit_scale, blocks=src.blocks).exact
                    for g, gen in gens.items():
                        a, b = (float((classify(xq[None], gen.predict(s))[0].argmax(-1) == y).double().mean()) for s in (sup, sup.with_pool(u)))
                        tab.setdefault((g, K), []).append(100 * (b - a))
            print(per, len(P), {k: round(float(np.mean(v)), 1) for k, v in tab.items()}, flush=True)
main()
