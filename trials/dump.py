"""Tasks with pools in the coordinates of their span, for pool3.py and pool4.py: `python -m trials.dump STORES /tmp/pools 8 21`."""
from trials.pool2 import *
if __name__ == "__main__":
    torch.set_num_threads(1)
    gen = load_generator("default")
    root, out, nt, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    for kind in ("balanced", "skewed", "strangers", "small"):
        found = []
        for name in SETS:
            for t in collect(name, kind, nt, gen, root, seed):
                rows = torch.cat([t["zs"], t["zu"], t["zq"], t["prior"], t["text"]])
                R = torch.linalg.qr(rows.T, mode="reduced").R.T.float() if len(rows) < rows.shape[1] else rows.float()
                parts = torch.split(R, [len(t[k]) for k in ("zs", "zu", "zq", "prior", "text")])
                t |= dict(zip(("zs", "zu", "zq", "prior", "text"), (p.clone() for p in parts)))
                t["set"] = name
                found.append({k: (v.float() if isinstance(v, torch.Tensor) and v.is_floating_point() else v) for k, v in t.items()})
        torch.save(found, f"{out}/{kind}.pt"); print(kind, len(found), flush=True)
