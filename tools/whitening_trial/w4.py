import sys; sys.path.insert(0,'/tmp/see')
from lab import *
import torch.nn.functional as F
from w1 import acc, build, g, load
_,pp,_=load("caltech101-train")
x=torch.cat([pp[1],pp[3]]); m=x.mean(0); c=(x-m).double(); e,V=torch.linalg.eigh(c.T@c/len(x)); e,V=e.flip(0),V.flip(1)
print((e.cumsum(0)/e.sum())[[63,127,255,383,511,767]])
def wh(d,shrink=.05): 
    M=(V[:,:d]*(e[:d].clamp(min=0)+shrink*e.mean()).pow(-.5)).float(); return lambda y: F.normalize((y-m)@M,dim=1)
for name in sys.argv[1:]:
    d,parts,_=load(name); base=None
    X,t,sc,bl=build(d,parts,[],[]); base=[acc(X,t,sc,bl,d,k) for k in SHOTS]
    print(f"{name:18} {'joint':16}",*[f"{x.mean():.1f}" for x in base],flush=True)
    for tag,f,w in (("992 .8",wh(992),.8),("640 .8",wh(640),.8),("512 .8",wh(512),.8),("384 .8",wh(384),.8),("992 s1 .8",wh(992,1.),.8),("992 .6",wh(992),.6),("992 1.",wh(992),1.),("whole .8",wh(992),-.8)):
        ex=[f(parts[1]),f(parts[3])]; ws=[w,.7*w]
        if w<0: ex,ws=ex[:1],[-w]
        X,t,sc,bl=build(d,parts,ws,ex); a=[acc(X,t,sc,bl,d,k) for k in SHOTS]
        print(f"{name:18} {tag:16}",*[f"{(x-b).mean():+.1f}" for x,b in zip(a,base)],flush=True)
