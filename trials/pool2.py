"""The pool as softly labelled rows of the kernel ridge, and self-training: `python -m trials.pool2 STORES KINDS TASKS`."""
import sys
from trials.pool import *

def collect(name, kind, nt, gen, root, seed=11):
    src = load_source(Path(root) / name)
    F = src.features_nVD[:, 0].float(); T = src.text_CD.float()
    shots, tasks = draw(src, nt, kind, seed)
    for own, S, Q, P, L in tasks:
        y = torch.cat([torch.full((len(q),), i) for i, q in enumerate(Q)])
        xq, u, lab = F[np.concatenate(Q)], F[P], torch.from_numpy(L)
        for K in shots:
            sup = Support.of_tasks(F[S[:, :K]][None], T[own][None], logit_scale=src.logit_scale, blocks=src.blocks)
            problem, corr, lo, w = run(gen, sup)
            can = problem.support
            z = lambda x: (x - can.image_centre_TD[0]) * can.scale_TD[0]
            lq, lu = classify(xq[None], w)[0], classify(u[None], w)[0]
            dt = torch.double
            yield dict(K=K, n=len(own), y=y, lab=lab, zs=can.shots_TNKD[0].flatten(0, 1).to(dt), zu=z(u).to(dt), zq=z(xq).to(dt), lq=lq.to(dt), lu=lu.to(dt),
                       prior=problem.prior_TND(corr.log_trust_TN.to(dt))[0].to(dt), noise=problem.noise_TX(corr.log_noise_TNK.to(dt))[0].to(dt),
                       beta=float(problem.sharpness_T(corr.log_sharpness_T)[0]), kappa=float(lo.scale_T[0] * corr.log_scale_T[0].exp()), text=can.text_TND[0].to(dt))

def centred_unit(t):
    centre = torch.cat([t["zs"], t["zu"]]).mean(0)
    return [normalize(t[k] - centre, dim=-1) for k in ("zs", "zu", "zq")]

def em_means(t, a, b, sharp=10., power=2., anchor=1., rounds=8, share=1.0):
    n, K = t["n"], t["K"]
    m = a.reshape(n, K, -1).mean(1); mu = normalize(m, dim=-1)
    lp = t["lu"].log_softmax(-1); pi = torch.full((n,), 1 / n, dtype=a.dtype)
    for _ in range(rounds):
        r = (sharp * b @ mu.T + power * lp + share * pi.log()).softmax(-1)
        pi = (r.mean(0) + 1e-3) / (1 + n * 1e-3)
        mu = normalize((anchor * K * m + r.T @ b) / (anchor * K + r.sum(0)[:, None]), dim=-1)
    return r, mu, pi

def ridge(t, r, wt=1.0):
    """Kernel ridge with soft rows; leave-one-out answers on the pool, answers on queries."""
    rows = torch.cat([t["zs"], t["zu"]]); n = t["n"]
    targ = torch.cat([torch.eye(n, dtype=rows.dtype).repeat_interleave(t["K"], 0), r])
    noise = torch.cat([t["noise"], torch.full((len(r),), float(t["noise"].mean()) * wt, dtype=rows.dtype)])
    k = lambda x: torch.exp(-t["beta"] * torch.cdist(x, rows).square() / 2) / t["beta"]
    G = k(rows); G.diagonal().fill_(1 / t["beta"]); G = G + torch.diag(noise)
    inv = torch.linalg.inv(G)
    val = inv @ (targ - rows @ t["prior"].T)
    loo = targ - val / inv.diagonal()[:, None]
    return loo[-len(r):], t["zq"] @ t["prior"].T + k(t["zq"]) @ val

def methods(t):
    out = {"none": (t["lq"], t["lu"])}
    a, b, c = centred_unit(t)
    lpq, lpu = t["lq"].log_softmax(-1), t["lu"].log_softmax(-1)
    r, mu, pi = em_means(t, a, b)
    out["fixed"] = (10 * c @ mu.T + 2 * lpq, r.log())
    kap = t["kappa"]
    loo, q = ridge(t, r)
    out["ridge+em"] = (0.5 * kap * q + 10 * c @ mu.T + lpq, r.log())
    out["ridge*1"] = (kap * q, r.log())
    for name, pw in (("loo0", 0.0), ("loo1", 1.0)):
        s = (pw * lpu + lpu).softmax(-1) if pw else lpu.softmax(-1)
        for _ in range(4):
            loo, q = ridge(t, s)
            s = (kap * loo + pw * lpu).softmax(-1)
        out[name] = (kap * q + pw * lpq, s.log())
    return out

def main(methods=methods):
    torch.set_num_threads(1)
    gen = load_generator("default")
    root, kinds, nt = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
    for kind in kinds:
        table = {}
        for name in SETS:
            for t in collect(name, kind, nt, gen, root):
                for m, (q, u) in methods(t).items():
                    known = t["lab"] >= 0
                    table.setdefault((m, name, t["K"]), []).append((100 * float((q.argmax(-1) == t["y"]).double().mean()), 100 * float((u.argmax(-1) == t["lab"])[known].double().mean())))
        for m in dict.fromkeys(k for k, _, _ in table):
            cells = []
            for K in SHOTS:
                per = [np.nanmean(table[m, s, K], 0) - (0 if m == "none" else np.nanmean(table["none", s, K], 0)) for s in SETS if (m, s, K) in table]
                cells.append("%5.1f/%5.1f" % tuple(np.mean(per, 0)))
            print(f"{kind:10} {m:16}", "  ".join(cells), flush=True)

if __name__ == "__main__":
    main()
