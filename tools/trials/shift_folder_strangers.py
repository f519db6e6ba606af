"""Folders of which a part shows other things: warnings by the ratio and by the probability; validation sets."""
from tools.trials.shift_tasks import *
from metaadapter.generator.domain_shift import domain_shift
for kind, pairs in (("same", [(s, s) for s in ("caltech101-val", "tiny-imagenet-val", "clothing10.large", "cifar10")]), ("else", [("caltech101-val","caltech101-val.edges"),("caltech101-val","caltech101-val.gray40"),("clothing10.large","clothing10.large.edges"), ("pacs-photo.large","pacs-cartoon.large")])):
  for part in (0.3, 0.5):
    for k in (1, 4, 16):
        a, b = [], []
        for p, q in pairs:
            for t in tasks(p, q, 5, (k,), n_tasks=25, seed=5, pool=50, strangers=part):
                ds = domain_shift(support(t, k).with_pool(t["pool"])); a.append(ds.ratio_T.item() > 1.6); b.append(ds.probability_T.item() > .5)
        print(kind, part, k, "ratio %.1f probability %.1f" % (100*np.mean(a), 100*np.mean(b)), flush=True)
