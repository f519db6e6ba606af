from lab import *
import collections
from e4 import init_ctx, INIT, RMS
TR=["tiny-imagenet-train","caltech101-train","pacs-photo.large","pacs-cartoon.large"]
n=4; STEPS=int(sys.argv[1]); KG=float(sys.argv[2]); LR=float(sys.argv[3])
Ds=[Data(t) for t in TR]
J=(Ds[0].hand.abs().sum(0)>0).float()
W=torch.from_numpy(ENC.as_wide_as_pictures(np.eye(512,dtype=np.float32)))
for d in Ds+[]: d.Q=None
val=[Data(v) for v in VAL]
g=np.random.default_rng(0)
c0=init_ctx(INIT[n]); ctx=c0.clone().requires_grad_(); opt=torch.optim.Adam([ctx],lr=LR*RMS)
Ps=[Prompt(d.names,n) for d in Ds]
hs=[normalize(d.hand[:,:512],dim=-1) for d in Ds]
with torch.no_grad(): ss=[P(c0) for P in Ps]
def sub(P,idx):
    Q=Prompt.__new__(Prompt); Q.t=P.t[idx];Q.e=P.e[idx];Q.n=P.n;Q.x=P.x[idx]; return Q
def evaluate():
    r=[]
    with torch.no_grad():
        for d in val:
            P=Prompt(d.names,n); h=normalize(d.hand[:,:512],dim=-1); 
            dl=P(ctx)-P(c0); t=normalize(h+dl-dl.mean(0)*0,dim=-1); w=wide(t)
            mu=d.X.mean(0); q=normalize((d.X-mu)*J,dim=-1)
            r+=[acc(d.X@w.T,d.y,list(range(len(d.classes)))),acc(q@normalize(w-w.mean(0),dim=-1).T,d.y,list(range(len(d.classes))))]
    return [round(100*x,1) for x in r], round(100*np.mean(r[::2]),2), round(100*np.mean(r[1::2]),2)
print("start",evaluate(),flush=True)
for step in range(1,STEPS+1):
    loss=0
    for _ in range(2):
        i=int(g.choice(len(Ds),p=[.5,.4,.05,.05])); d=Ds[i]; N=min(len(d.classes),int(g.integers(5,31)))
        cl=g.permutation(len(d.classes))[:N]; rows=np.concatenate([g.choice(np.flatnonzero(d.y.numpy()==c),4) for c in cl]); y=torch.arange(N).repeat_interleave(4)
        X=d.X[rows]; q=normalize((X-X.mean(0))*J,dim=-1)
        cl=torch.from_numpy(cl); t=normalize(hs[i][cl]+sub(Ps[i],cl)(ctx)-ss[i][cl],dim=-1); w=wide(t)
        loss=loss+.5*(torch.nn.functional.cross_entropy(16*q@normalize(w-w.mean(0),dim=-1).T,y)+KG*(t-hs[i][cl]).square().sum(-1).mean())
    opt.zero_grad(); loss.backward(); opt.step()
    if step in (10,25,50,100,200,400): print(step,float(loss),evaluate(),flush=True)
