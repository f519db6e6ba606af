import sys
from pathlib import Path
import numpy as np, torch
from torch.nn.functional import normalize
from episodes import gather
from metaadapter.adapter import Support, classify
from metaadapter.generator import load_generator, Generator
from metaadapter.generator.generator import _emit
from metaadapter.generator.blocks import block_evidence, log_lengths, reweigh
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.evidence import leave_one_out
from metaadapter.generator.regression import regression, squared_distances
from metaadapter.generator.relations import Relations, relate
from tools.store_tasks import load_source

SETS = ["caltech101-val", "clothing10.large", "cifar10", "tiny-imagenet-val", "camtrap-us", "trashnet6.large", "pacs-cartoon.large"]
SHOTS = (1, 2, 4, 8, 16)
DEV = "cpu"

def run(generator, support):
    """What forward does, with its parts."""
    with torch.no_grad():
        canonical, several = canonicalise(support), len(support.blocks) > 1
        base = log_lengths(canonical)
        canonical = reweigh(canonical, base)
        problem = regression(canonical, generator.config.closed_form)
        left_out = leave_one_out(problem)
        dtype, mask = generator.heads.task.weight.dtype, support.class_mask_TN
        relations = Relations(*(each.to(dtype) for each in relate(canonical, left_out)))
        tokens, edges = generator.encoder(relations, mask)
        corr = generator.heads(tokens, edges, relations, mask, block_evidence(canonical).to(dtype))
        problem = problem.stretched(reweigh(canonical, base + corr.log_block_TP.to(base.dtype)))
        return problem, corr, left_out, _emit(problem, corr, left_out.scale_T)

def draw(source, n_tasks, kind, seed, most=20, per_class=15, n_query=10):
    """Tasks of up to `most` classes: shots (N,16), queries, pool rows with their class (−1 strangers)."""
    rng = np.random.default_rng(seed)
    rows_by = [np.flatnonzero(source.labels_n.numpy() == c) for c in range(len(source.text_CD))]
    smallest = min(map(len, rows_by))
    shots = [k for k in SHOTS if k < smallest - 8]
    K = max(shots)
    tasks = []
    for _ in range(n_tasks):
        n_all = len(rows_by)
        n = min(most, n_all)
        if kind == "strangers":
            n = min(n, max(2, int(n_all * 0.6)))
        classes = rng.permutation(n_all)
        own, rest = classes[:n], classes[n:]
        S, Q, P, L = [], [], [], []
        left = []
        for c in own:
            rows = rng.permutation(rows_by[c])
            S.append(rows[:K]); nq = min(n_query, (len(rows) - K) // 2)
            Q.append(rows[K:K + nq]); left.append(rows[K + nq:])
        if kind in ("balanced", "strangers"):
            counts = np.full(n, per_class)
        elif kind == "small":
            counts = np.full(n, 3)
        elif kind == "skewed":
            share = rng.dirichlet(np.full(n, 0.3)); counts = np.round(share * n * per_class).astype(int)
        for i in range(n):
            take = left[i][:counts[i]]; P.append(take); L.append(np.full(len(take), i))
        if kind == "strangers" and len(rest):
            want = int(sum(map(len, P)) * 0.4 / 0.6)
            pool = np.concatenate([rows_by[c] for c in rest]); take = rng.permutation(pool)[:want]
            P.append(take); L.append(np.full(len(take), -1))
        tasks.append((own, np.stack(S), Q, np.concatenate(P), np.concatenate(L)))
    return shots, tasks

def em(u, support_u, mask_K, p0, anchor, sharp=10., power=2., rounds=8, share=True, wsum=1.0):
    """Fixed rule of EVIDENCE: u (U,D) unit, support_u (N,K,D) unit; p0 (U,N)."""
    m = support_u.mean(1); K = support_u.shape[1]
    mu = normalize(m, dim=-1); pi = torch.full((len(m),), 1 / len(m), dtype=u.dtype)
    logp0 = p0.clamp(min=1e-12).log()
    for _ in range(rounds):
        r = (sharp * u @ mu.T + power * logp0 + (pi.log() if share else 0)).softmax(-1)
        pi = r.mean(0).clamp(min=1e-6)
        mu = normalize((anchor * K * m + wsum * r.T @ u) / (anchor * K + wsum * r.sum(0)[:, None]), dim=-1)
    return r, mu, pi

if __name__ == "__main__":
    torch.set_num_threads(1)
    gen = load_generator("default").double()
    kinds = sys.argv[2].split(",") if len(sys.argv) > 2 else ["balanced"]
    nt = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    sets = sys.argv[4].split(",") if len(sys.argv) > 4 else SETS
    for kind in kinds:
        table = {}
        for name in sets:
            src = load_source(Path(sys.argv[1]) / name)
            F = src.features_nVD[:, 0].double(); T = src.text_CD.double()
            shots, tasks = draw(src, nt, kind, 11)
            for own, S, Q, P, L in tasks:
                y = torch.cat([torch.full((len(q),), i) for i, q in enumerate(Q)])
                xq = F[np.concatenate(Q)]; u = F[P]; lab = torch.from_numpy(L)
                for K in shots:
                    sup = Support.of_tasks(F[S[:, :K]][None], T[own][None], logit_scale=src.logit_scale, blocks=src.blocks)
                    problem, corr, lo, w = run(gen, sup)
                    can = problem.support
                    z = lambda x: (x - can.image_centre_TD[0]) * can.scale_TD[0]
                    lq, lu = classify(xq[None], w)[0], classify(u[None], w)[0]
                    pq, pu = lq.softmax(-1), lu.softmax(-1)
                    out = {"none": (lq.argmax(-1), lu.argmax(-1))}
                    zs, zu, zq = can.shots_TNKD[0], z(u), z(xq)
                    # centre on support and pool together
                    for tag in ("raw", "canon"):
                        a, b, c = (F[S[:, :K]], u, xq) if tag == "raw" else (zs, zu, zq)
                        centre = torch.cat([a.flatten(0, 1), b]).mean(0)
                        a, b, c = (normalize(t - centre, dim=-1) for t in (a, b, c))
                        r, mu, pi = em(b, a, None, pu, 1.0)
                        ans = (10 * c @ mu.T + 2 * pq.log())
                        out["fixed " + tag] = (ans.argmax(-1), r.argmax(-1))
                    # kernel ridge with soft rows from the canonical EM
                    for wt in (1.0, 3.0):
                        rows = torch.cat([zs.flatten(0, 1), zu]); n = len(own)
                        targ = torch.cat([torch.eye(n, dtype=rows.dtype).repeat_interleave(K, 0), r])
                        prior = problem.prior_TND(corr.log_trust_TN.double())[0]
                        noise = torch.cat([problem.noise_TX(corr.log_noise_TNK.double())[0], torch.full((len(u),), float(problem.constants.ridge * corr.log_noise_TNK.double().exp().mean() * wt))])
                        beta = float(problem.sharpness_T(corr.log_sharpness_T.double())[0])
                        d = squared_distances(rows[None])[0]
                        Kmat = torch.exp(-beta * d / 2) / beta + torch.diag(noise)
                        res = targ - rows @ prior.T
                        val = torch.linalg.solve(Kmat, res)
                        dq = torch.cdist(zq, rows).square()
                        ans = zq @ prior.T + torch.exp(-beta * dq / 2) / beta @ val
                        out[f"ridge {wt:g}"] = (ans.argmax(-1), None)
                        kap = float(lo.scale_T[0] * corr.log_scale_T[0].exp())
                        both = 0.5 * kap * ans + 10 * c @ mu.T + 1 * pq.log()
                        out[f"ridge {wt:g}+em"] = (both.argmax(-1), None)
                    for k2, (aq, au) in out.items():
                        table.setdefault((k2, name, K), []).append((100 * float((aq == y).double().mean()), np.nan if au is None else 100 * float((au == lab)[lab >= 0].double().mean())))
            print(kind, name, "done", flush=True)
        methods = list(dict.fromkeys(k for k, _, _ in table))
        for m in methods:
            cells = []
            for K in SHOTS:
                per = [np.mean(table[m, s, K], 0) - (0 if m == "none" else np.mean(table["none", s, K], 0)) for s in sets if (m, s, K) in table]
                cells.append("%5.1f/%5.1f" % tuple(np.mean(per, 0)))
            print(f"{kind:10} {m:16}", "  ".join(cells), flush=True)
