import sys, torch, numpy as np
from torch.nn.functional import normalize
SHOTS = (1, 2, 4, 8, 16)
KINDS = ("balanced", "skewed", "strangers", "small")
DATA = {k: torch.load(f"/tmp/pools/{k}.pt", weights_only=False) for k in (sys.argv[1].split(",") if len(sys.argv) > 1 else KINDS)}

def prep(t):
    if "a" not in t:
        centre = torch.cat([t["zs"], t["zu"]]).mean(0)
        t["a"], t["b"], t["c"] = (normalize(t[k] - centre, dim=-1) for k in ("zs", "zu", "zq"))
        t["lpq"], t["lpu"] = t["lq"].log_softmax(-1), t["lu"].log_softmax(-1)
    return t["a"], t["b"], t["c"], t["lpq"], t["lpu"]

def whiten(t, eps, within=None, power=0.5):
    """Rows in coordinates where the covariance of support and pool is nearer to the identity."""
    rows = torch.cat([t["zs"], t["zu"]])
    centre = rows.mean(0)
    X = rows - centre if within is None else within
    U, s, Vh = torch.linalg.svd(X / len(X) ** 0.5, full_matrices=False)
    v = s ** 2
    base = eps * v.mean() * len(v) / min(3008, len(v)) if False else eps * v.sum() / 100
    scale = ((v + base) / base) ** -power
    def f(x):
        y = x - centre
        along = y @ Vh.T
        return normalize(y + (along * (scale - 1)) @ Vh, dim=-1)
    return f(t["zs"]), f(t["zu"]), f(t["zq"])

def em(t, rows=None, sharp=10., power=2., anchor=1., rounds=8, share=1.0, qpower=None, qsharp=None, wpow=0.0, bg=None, prior_strength=0.0):
    a, b, c, lpq, lpu = prep(t)
    if rows is not None: a, b, c = rows
    n, K = t["n"], t["K"]
    m = a.reshape(n, K, -1).mean(1); mu = normalize(m, dim=-1)
    pi = torch.full((n,), 1 / n)
    for _ in range(rounds):
        logit = sharp * b @ mu.T + power * lpu + share * pi.log()
        r = logit.softmax(-1)
        pi = (r.sum(0) + prior_strength * len(r) / n) / (len(r) * (1 + prior_strength)) + 1e-4; pi = pi / pi.sum()
        w = r if wpow == 0 else r * r.amax(-1, keepdim=True) ** wpow
        mu = normalize((anchor * K * m + w.T @ b) / (anchor * K + w.sum(0)[:, None]), dim=-1)
    q = (qsharp or sharp) * c @ mu.T + (power if qpower is None else qpower) * lpq
    return q, logit, r

def report(variants):
    for kind, tasks in DATA.items():
        table = {}
        for t in tasks:
            prep(t)
            out = {"none": (t["lq"], t["lu"])}
            for name, f in variants.items(): out[name] = f(t)
            known = t["lab"] >= 0
            for m, (q, u) in out.items():
                aq = 100 * float((q.argmax(-1) == t["y"]).float().mean())
                au = 100 * float((u.argmax(-1) == t["lab"])[known].float().mean())
                table.setdefault((m, t["set"], t["K"]), []).append((aq, au))
        for m in dict.fromkeys(k for k, _, _ in table):
            if m == "none" : continue
            cells, sets = [], dict.fromkeys(s for _, s, _ in table)
            for K in SHOTS:
                per = [np.nanmean(table[m, s, K], 0) - np.nanmean(table["none", s, K], 0) for s in sets if (m, s, K) in table]
                cells.append("%5.1f/%5.1f" % tuple(np.mean(per, 0)))
            print(f"{kind:10} {m:28}", "  ".join(cells), flush=True)
