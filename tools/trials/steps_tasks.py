import sys, torch, numpy as np
from pathlib import Path
from functools import lru_cache
from dataclasses import replace
import os
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator
torch.set_num_threads(1)
S = Path(os.environ["STORES"])
GEN = {g: load_generator(g) for g in ("default","closed-form")}
@lru_cache(None)
def load(name):
    st = FeatureStore.open(S/name)
    x, lab = st.mean_features()
    g = np.asarray(st.rows.group)[np.asarray(st.rows.view)==0] if hasattr(st.rows,"group") else None
    return st, torch.from_numpy(np.array(x)).float(), np.asarray(lab), g
def tasks(sup, qry, n_way, n_shot, n_query=15, pool=100, n_tasks=100, seed=0, part=1.0, strangers=0.0):
    """yields (support tensor N,K,D, text N,D, query rows, query labels, pool rows, blocks, scale)"""
    rng = np.random.default_rng([seed, 77])
    ss, xs, ls, _ = load(sup); sq, xq, lq, _ = load(qry)
    text = ss.class_texts()
    cl = sorted(set(ls) & set(lq) & set(text))
    same = sup.split(".edges")[0].split(".gray40")[0].split(".px20")[0] == qry.split(".edges")[0].split(".gray40")[0].split(".px20")[0]
    big = max(n_shot) 
    cl = [c for c in cl if (ls==c).sum() >= big + (2 if same else 0) and (lq==c).sum() >= 2]
    by_s = {c: np.flatnonzero(ls==c) for c in cl}; by_q = {c: np.flatnonzero(lq==c) for c in cl}
    for t in range(n_tasks):
        ways = list(rng.permutation(cl)[:n_way]); N=len(ways)
        sup_rows = [rng.permutation(by_s[c])[:big] for c in ways]
        qs, ql, ps = [], [], []
        n_pool_classes = max(1, round(part*N))
        pool_classes = set(rng.permutation(N)[:n_pool_classes].tolist())
        for i,c in enumerate(ways):
            free = by_q[c]
            if same: free = np.setdiff1d(free, sup_rows[i])
            free = rng.permutation(free)
            nq = min(n_query, len(free)//2)
            qs.append(free[:nq]); ql += [i]*nq
            if i in pool_classes: ps.append(free[nq:nq+ -(-pool//n_pool_classes)])
        ps = np.concatenate(ps)[:]
        if strangers:
            others = [c for c in by_q if c not in ways] 
            if others:
                o = np.concatenate([by_q[c] for c in others]); k = round(len(ps)*strangers/(1-strangers))
                ps = np.concatenate([ps, rng.permutation(o)[:k]])
        ps = rng.permutation(ps)[:pool] if not strangers else rng.permutation(ps)
        yield dict(sup=torch.stack([xs[r] for r in sup_rows]), text=torch.stack([torch.from_numpy(text[c]) for c in ways]).float(),
                   q=xq[np.concatenate(qs)], y=torch.tensor(ql), pool=xq[ps], blocks=ss.blocks, scale=ss.logit_scale)
def support(t, k, pool=False):
    s = Support.of_tasks(t["sup"][None,:,:k], t["text"][None], logit_scale=t["scale"], blocks=t["blocks"])
    return s.with_pool(t["pool"]) if pool else s
def joint_of(t):
    # text coordinates
    used = (t["text"]!=0).any(0)
    return used
def acc(logits, y): return 100*(logits.argmax(-1)==y).float().mean().item()
def ans(w, q): return classify(q[None], w)[0]
def zs(t): return t["q"] @ t["text"].T
def text_mean(t,k):
    used = joint_of(t); f = lambda x: torch.nn.functional.normalize(x*used, dim=-1)
    m = f(f(t["sup"][:,:k]).mean(1)); c = f(f(t["text"])+m)
    return f(t["q"]) @ c.T
def renorm(x, like, blocks):
    parts, i = [], 0
    for b in (blocks or (x.shape[-1],)):
        a, l = x[..., i:i+b], like[..., i:i+b]
        parts.append(torch.nn.functional.normalize(a, dim=-1) * l.norm(dim=-1, keepdim=True)); i += b
    return torch.cat(parts, -1)
def moved(t, k, delta, keep=True):
    x = t["sup"][:,:k] + delta
    if keep: x = renorm(x, t["sup"][:,:k], t["blocks"])
    return {**t, "sup": x}
