import sys; sys.path.insert(0,'/tmp/see')
from lab import *
import torch.nn.functional as F
from w1 import acc, build, g
def load1(name):
    d=Data(f"/tmp/stores/{name}"); parts=list(torch.split(d.X,list(d.blocks),1)); return d,[F.normalize(p,dim=1) for p in parts],torch.load(f"/tmp/see/rich-{name}.pt")
_,_,pop=load1("caltech101-train")
S=["b2.mean","b2.std","b3.mean","b3.std","b5.mean","b5.std","b7.mean","b7.std"]
A=[f"b{i}.{k}" for i in range(8) for k in ("mean","std")]
confs={
 "stages":([S],),
 "all8":([A],),
 "all8+max":([A+[f"b{i}.max" for i in range(8)]],),
 "stages+hstd":([S+["h.std"]],),
 "stages+hmean":([S+["h.mean"]],),
 "hmean":([["h.mean"]],),
 "hmean+hstd":([["h.mean","h.std"]],),
 "stages|hmean":([S,["h.mean"]],),
 "stages+ran5":([S+["b5.ran"]],),
 "stages+ran57":([S+["b5.ran","b7.ran"]],),
 "stages+grid57":([S+["b5.grid","b7.grid"]],),
 "b5,b7":([S[4:]],),
}
def fit(keys,shrink):
    x=torch.cat([F.normalize(torch.cat([pop[k][:,v].float() for k in keys],1),dim=1) for v in range(2)]); m=x.mean(0); c=(x-m).double()
    e,V=torch.linalg.eigh(c.T@c/len(x)); M=((V*(e.clamp(min=0)+shrink*e.mean()).pow(-.5))@V.T).float()
    return lambda y: F.normalize((F.normalize(y,dim=1)-m)@M,dim=1)
W={}
only=None
for name in sys.argv[1:]:
    d,parts,rich=load1(name); base=None
    X,t,sc,bl=build(d,parts,[],[]); base=[acc(X,t,sc,bl,d,k) for k in SHOTS]
    print(f"{name:18} {'joint':16}",*[f"{x.mean():.1f}" for x in base],flush=True)
    for tag,(groups,) in confs.items():
        ex=[];ws=[]
        for v in range(2):
            for keys in groups:
                if tuple(keys) not in W: W[tuple(keys)]=fit(keys,.05)
                ex.append(W[tuple(keys)](torch.cat([rich[k][:,v].float() for k in keys],1))); ws.append((.8 if len(groups)==1 else .57)*(1,.7)[v])
        X,t,sc,bl=build(d,parts,ws,ex); a=[acc(X,t,sc,bl,d,k) for k in SHOTS]
        print(f"{name:18} {tag:16}",*[f"{(x-b).mean():+.1f}" for x,b in zip(a,base)],flush=True)
