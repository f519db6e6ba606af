"""Each of looks and stages alone and together, closed form and shipped generator, on unseen sets and photographs → cartoons."""
import sys; sys.path.insert(0,'/tmp/see')
from lab import *
from metaadapter.generator import load_generator
ROOT=sys.argv[1]
gens={"closed form":load_generator("closed-form"),"shipped":load_generator("default")}
def variants(folder):
    d=Data(folder); j,s=d.blocks[:2]; o=j+s
    cols={"one look":(list(range(j)),()),"two looks":(list(range(j))+list(range(o,o+j)),(j,j)),"one look, stages":(list(range(o)),(j,s)),"two looks, stages":(None,None)}
    return {k:(d if c is None else Data(folder,c,b)) for k,(c,b) in cols.items()}
tot={}
def run(tag,name,k,tasks):
    for g,gen in gens.items():
        a=[float((classify(Q[None],gen.predict(sup))[0].argmax(-1)==y).float().mean())*100 for sup,Q,y in tasks]
        tot.setdefault((tag,g),{}).setdefault(name,{})[k]=np.array(a)
class Shift:
    def __init__(s,a,b): s.a,s.b=a,b
    def tasks(s,k,n,q=30,seed=0):
        for t in range(n):
            r=np.random.default_rng([seed,t]); N=len(s.a.by)
            sup=torch.tensor(np.stack([r.permutation(i)[:k] for i in s.a.by])); qs=np.concatenate([r.permutation(i)[:q] for i in s.b.by])
            yield Support.of_tasks(s.a.X[sup][None],s.a.T[None],logit_scale=s.a.scale,blocks=s.a.blocks),s.b.X[qs],torch.arange(N).repeat_interleave(q)
sets=["caltech101-val","tiny-imagenet-val","clothing10.large","cifar10","camtrap-us"]
for name in sets:
    for tag,d in variants(f"{ROOT}/{name}").items():
        for k in SHOTS: run(tag,name,k,list(d.tasks(k,40,q=30)))
a,b=variants(f"{ROOT}/pacs-photo.large"),variants(f"{ROOT}/pacs-cartoon.large")
for tag in a:
    for k in SHOTS: run(tag,"shift",k,list(Shift(a[tag],b[tag]).tasks(k,40)))
for (tag,g),v in tot.items():
    m=[np.mean([v[n][k].mean() for n in sets]) for k in SHOTS]
    print(f"| {tag} | {g} | "+" ".join(f"{x:.1f}" for x in m)+" | "+" ".join(f"{v['shift'][k].mean():.1f}" for k in SHOTS)+" |",flush=True)
