"""Train the pool's network alone, on tasks with pools, from the generator that ships: `python -m trials.pool_train STORES OUT STEPS [key=value]`."""
import sys, time, json
from pathlib import Path
from dataclasses import replace
import torch
from torch.nn.functional import cross_entropy
from episodes.pools import PoolSpec
from episodes.perturb import perturb, Perturbations
from metaadapter.adapter import Support, classify
from metaadapter.adapter.consistency import symmetric_divergence
from metaadapter.generator import load_generator
from metaadapter.generator.pretrained import save_generator
from metaadapter.training.config_file import load_config
from metaadapter.training.training_data import load_training_data
from metaadapter.training.trainer import make_optimizer, make_schedule, stream
from metaadapter.training.objective import query_loss

def ce(logits, labels, mask):
    each = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="none").view_as(labels)
    return (each.sum(-1) / (labels >= 0).sum(-1).clamp(min=1) / mask.sum(-1).clamp(min=2).to(logits).log()).mean()

def main():
    torch.set_num_threads(1)
    root, out, steps = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    given = dict(pair.split("=") for pair in sys.argv[4:])
    lr, seed, own, names, tasks = float(given.get("lr", 1e-3)), int(given.get("seed", 0)), float(given.get("own", .5)), float(given.get("names", .1)), int(given.get("tasks", 8))
    kept, halves = float(given.get("kept", 0)), float(given.get("halves", 0))
    config = load_config(Path("configs/train/default.toml"), [f"data.root={root}"])
    data = load_training_data(config)
    mixture = data.mixture(config, "cpu")
    gen = load_generator(given.get("start", "default"))
    for p in gen.parameters(): p.requires_grad_(False)
    for p in gen.pool.parameters(): p.requires_grad_(True)
    opt = make_optimizer(gen.pool, lr); sched = make_schedule(opt, steps)
    ema = {k: v.clone() for k, v in gen.pool.state_dict().items()}
    r, pr = stream(seed, "episodes"), stream(seed, "perturb")
    spec = PoolSpec()
    weaker = float(given.get('perturb', 1))
    from dataclasses import asdict
    fractions = Perturbations(**{k: v * weaker for k, v in asdict(config.perturb).items()})
    if 'mix' in given:
        fractions = replace(config.perturb, noise=.2, scaling=.1)
    ev, rel = float(given.get('ev', 1)), float(given.get('rel', 0))
    t0, hist = time.time(), []
    for step in range(steps):
        ep = mixture.draw(tasks, r, pools=spec)
        ep = perturb(ep, fractions, pr)
        b = ep.batch
        smask = b.support_mask_TNK
        named = (b.text_TND.any(-1) | ~b.class_mask_TN).all(-1)
        alone = (torch.rand(len(named), generator=pr) < names) & named
        smask = smask & ~alone[:, None, None]
        bare = replace(Support.of_batch(b, ep.logit_scale, ep.blocks), support_mask_TNK=smask)
        sup = replace(bare, pool_TUD=ep.pool_TUD, pool_mask_TU=ep.pool_mask_TU)
        w = gen(sup)
        q = classify(b.query_TQD, w)
        lq = ce(q, b.query_labels_TQ, b.class_mask_TN)
        lp = ce(classify(ep.pool_TUD, w), ep.pool_labels_TU, b.class_mask_TN)
        if rel:
            with torch.no_grad():
                w0 = gen(bare)
                q0, p0 = classify(b.query_TQD, w0), classify(ep.pool_TUD, w0)
            def ratio(lg, lg0, lab):
                each, base = ((cross_entropy(x.flatten(0, 1), lab.flatten(), ignore_index=-1, reduction="none").view_as(lab).sum(-1) / (lab >= 0).sum(-1).clamp(min=1) / b.class_mask_TN.sum(-1).clamp(min=2).log()) for x in (lg, lg0))
                return (each / (base + rel)).mean()
            loss = .3 * (ratio(q, q0, b.query_labels_TQ) + own * ratio(classify(ep.pool_TUD, w), p0, ep.pool_labels_TU))
        else:
            loss = lq + own * lp
        if kept:
            with torch.no_grad(): w0 = gen(bare)
            loss = loss + kept * symmetric_divergence(q, classify(b.query_TQD, w0), b.query_labels_TQ >= 0)
        if halves and ep.pool_mask_TU.shape[1] > 1:
            half = (torch.arange(ep.pool_mask_TU.shape[1]) % 2 == 0)[None]
            qa, qb = (classify(b.query_TQD, gen(replace(sup, pool_mask_TU=ep.pool_mask_TU & h))) for h in (half, ~half))
            loss = loss + halves * symmetric_divergence(qa, qb, b.query_labels_TQ >= 0)
        if not loss.requires_grad: continue
        opt.zero_grad(); loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(gen.pool.parameters(), 1.0)
        if not torch.isfinite(loss + norm): print("skip", step); continue
        opt.step(); sched.step()
        if not ev:
            with torch.no_grad(): gen.pool.task[0].weight[:, -20:] = 0
        d = min(.99, (step + 1) / (step + 10))
        for k, v in gen.pool.state_dict().items(): ema[k].mul_(d).add_(v, alpha=1 - d)
        with torch.no_grad():
            with_base = float(lq)
            bw = gen(bare); base = float(ce(classify(b.query_TQD, bw), b.query_labels_TQ, b.class_mask_TN))
        hist.append((with_base, base, float(lp)))
        if (step + 1) % 25 == 0:
            m = torch.tensor(hist[-100:]).mean(0).tolist()
            print(f"{step+1:5d} {time.time()-t0:6.0f}s  pool {m[0]:.4f}  without {m[1]:.4f}  own {m[2]:.4f} norm {float(norm):.2f} U={ep.pool_mask_TU.shape[1]} N={b.class_mask_TN.shape[1]}", flush=True)
        if (step + 1) % 200 == 0 or step + 1 == steps:
            now = {k: v.clone() for k, v in gen.pool.state_dict().items()}
            gen.pool.load_state_dict(ema); save_generator(gen, out); gen.pool.load_state_dict(now)
if __name__ == "__main__":
    main()
