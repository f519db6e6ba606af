import sys,torch,numpy as np
from pathlib import Path
from metaadapter.generator import load_generator, Generator
from metaadapter.adapter import Support, classify
from tools.store_tasks import StoreTasks, load_source
torch.set_num_threads(1)
sets=["caltech101-val","tiny-imagenet-val","clothing10.large","cifar10","camtrap-us"]
gens={"closed":Generator().eval().predict}|{Path(p).parent.name if Path(p).name in("best","last") else p:load_generator(p).predict for p in sys.argv[1:]}
fmt=lambda v:" ".join(f"{x:5.1f}" for x in v)
def both(t,gen,k):
    cs,os=[],[]; acc=[];nll=[]
    for b in t.batches(k):
        sup=Support.of_batch(b,t.source.logit_scale,*( [t.source.blocks] if hasattr(t.source,"blocks") else []))
        lo=classify(b.query_TQD,gen(sup)); p=lo.softmax(-1); c,a=p.max(-1)
        ok=b.query_labels_TQ>=0
        cs.append(c[ok].detach()); os.append((a==b.query_labels_TQ)[ok].float())
        nll.append(torch.nn.functional.cross_entropy(lo[ok],b.query_labels_TQ[ok]).item())
    c,o=torch.cat(cs),torch.cat(os); e=0
    for lo_ in np.arange(0,1,1/15):
        m=(c>lo_)&(c<=lo_+1/15)
        if m.any(): e+=(m.float().mean()*(c[m].mean()-o[m].mean()).abs()).item()
    return 100*o.mean().item(),100*e,np.mean(nll)
tot={}
for s in sets:
    p=Path("/tmp/stores")/s
    if not p.exists(): continue
    t=StoreTasks.draw(load_source(p),40)
    for n,g in gens.items():
        r=np.array([both(t,g,k) for k in t.shots]); tot.setdefault(n,[]).append(r[:5])
        print(f"{s:20}{n:8} acc {fmt(r[:,0])} | ece {fmt(r[:,1])} | nll {' '.join(f'{x:.3f}' for x in r[:,2])}",flush=True)
for n,v in tot.items(): r=np.mean(v,0); print(f"{'mean':20}{n:8} acc {fmt(r[:,0])} | ece {fmt(r[:,1])} | nll {' '.join(f'{x:.3f}' for x in r[:,2])}")
