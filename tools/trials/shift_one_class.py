"""The shift ratio of folders of 40 pictures of one, two or six classes; validation sets."""
from tools.trials.shift_tasks import *
from metaadapter.generator.domain_shift import domain_shift
D = {"same": [(s, s) for s in ("caltech101-train", "tiny-imagenet-val", "clothing10.large", "cifar10", "pacs-photo.large")],
     "else": [("pacs-photo.large","pacs-cartoon.large"),("pacs-cartoon.large","pacs-photo.large"),("caltech101-val","caltech101-val.edges"),("caltech101-val","caltech101-val.gray40"),("clothing10.large","clothing10.large.edges")]}
rows = []
for kind, pairs in D.items():
    for a, b in pairs:
        for classes in (1, 2, 6):
            for k in (1, 2, 4, 16):
                try:
                    for t in tasks(a, b, 6, (k,), n_tasks=25, seed=5, pool=40, part=classes/6):
                        if len(t["pool"]) < 20: continue
                        ds = domain_shift(support(t, k).with_pool(t["pool"]))
                        rows.append((kind == "else", classes, k, ds.ratio_T.item(), ds.evenness_T.item()*6))
                except Exception as e: print(a, b, k, e)
r = np.array(rows); 
for c in (1, 2, 6):
    for k in (1, 2, 4, 16):
        s = r[(r[:,1]==c)&(r[:,2]==k)]
        a, b = s[s[:,0]==0], s[s[:,0]==1]
        print(c, k, len(a), len(b), "same q50/95/98 of ratio", np.quantile(a[:,3], (.5,.95,.98)).round(2), "else q2/5/50", np.quantile(b[:,3], (.02,.05,.5)).round(2), "eff same/else", a[:,4].mean().round(2), b[:,4].mean().round(2), "warn %.1f %.1f" % (100*(a[:,3]>1.6).mean(), 100*(b[:,3]>1.6).mean()))
