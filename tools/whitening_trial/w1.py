"""Population within-class whitening of stages and joint blocks."""
import sys; sys.path.insert(0,'/tmp/see')
from lab import *
import torch.nn.functional as F
from metaadapter.generator import Generator
g=Generator()
def load(name):
    d=Data(f"/tmp/stores/{name}")
    parts=list(torch.split(d.X,list(d.blocks),1)); parts=[F.normalize(p,dim=1) for p in parts]
    lab=np.zeros(len(d.X),int)
    for c,i in enumerate(d.by): lab[i]=c
    return d,parts,lab
train=[load(n) for n in ("caltech101-train","tiny-imagenet-train")]
def stats(block):
    W=[];T=[]
    for (d,parts,lab),wt in zip(train,(1.,1.)):
        x=parts[block]; means=torch.stack([x[i].mean(0) for i in d.by]); r=x-means[torch.from_numpy(lab)]
        W.append(wt*(r.T@r)/len(x)); c=x-x.mean(0); T.append(wt*(c.T@c)/len(x))
    return sum(W)/2,sum(T)/2,train[0][1][block].mean(0)
def whitener(S,power,shrink=.05):
    e,V=torch.linalg.eigh(S.double()); e=e.clamp(min=0)+shrink*e.mean()
    return (V*e.pow(-power/2))@V.T
S={b:stats(b) for b in range(4)}
def acc(X,T,scale,blocks,d,k,n=40):
    dd=object.__new__(Data); dd.X,dd.T,dd.scale,dd.blocks,dd.by=X,T,scale,blocks,d.by
    out=[]
    for sup,Q,y in dd.tasks(k,n,q=40):
        out.append(float((classify(Q[None],g.predict(sup))[0].argmax(-1)==y).float().mean()))
    return np.array(out)*100
def build(d,parts,ws,extra):
    tx=torch.split(d.T,list(d.blocks),1)
    t=F.normalize(torch.cat([tx[0],tx[2]]+[torch.zeros(len(d.T),p.shape[1]) for p in extra],1),dim=1)
    cols=[parts[0]*1.,parts[2]*.7]+[F.normalize(p,dim=1)*w for p,w in zip(extra,ws)]
    X=torch.cat(cols,1); L=X.norm(dim=1,keepdim=True).mean(); X=X/L
    return X,t,17.1*float(L),tuple(p.shape[1] for p in cols)
if __name__=="__main__":
  for name in sys.argv[1:]:
      d,parts,lab=load(name)
      confs={"joint":([],[])}
      def wh(b,power,shrink=.05,within=True):
          M=whitener(S[b][0] if within else S[b][1],power,shrink).float(); return (parts[b]-S[b][2])@M
      confs["stages .5"]=([.5,.35],[parts[1],parts[3]])
      for p in (.5,1.):
          for w in (.5,.8): confs[f"stages wccn^{p} {w}"]=([w,.7*w],[wh(1,p),wh(3,p)])
      confs["stages white^1 .5"]=([.5,.35],[wh(1,1.,.05,False),wh(3,1.,.05,False)])
      confs["joint wccn^1 .5"]=([.5,.35],[wh(0,1.),wh(2,1.)])
      confs["joint wccn^1 1"]=([1,.7],[wh(0,1.),wh(2,1.)])
      base=None
      for tag,(ws,extra) in confs.items():
          X,t,sc,bl=build(d,parts,ws,extra)
          a=[acc(X,t,sc,bl,d,k) for k in SHOTS]
          if base is None: base=a; print(f"{name:18} {tag:20}",*[f"{x.mean():.1f}" for x in a],flush=True)
          else: print(f"{name:18} {tag:20}",*[f"{(x-b).mean():+.1f}" for x,b in zip(a,base)],flush=True)
