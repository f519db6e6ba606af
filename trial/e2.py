from lab import *
import collections,itertools
from concurrent.futures import ProcessPoolExecutor
SEEDS=int(sys.argv[1]) if len(sys.argv)>1 else 4
c0=init_ctx("a photo of a"); RMS=float(c0.square().mean().sqrt()); print("rms",RMS, c0.shape)
CHECK=(0,5,10,20,40,80)
def train(d,base,new,sup,kg,lr,mode,per_class=False):
    nb=len(base); order=base+new
    P=Prompt([d.names[c] for c in order],4)
    # hand-written = texts of the encoder
    hand=torch.from_numpy(ENC.encode_texts([d.names[c] for c in order]))
    ctx=c0.clone().requires_grad_()
    opt=torch.optim.Adam([ctx],lr=lr*RMS)
    Pb=Prompt([d.names[c] for c in base],4)
    start=P(c0); startb=Pb(c0)
    handj=hand[:,:512]; handj=normalize(handj,dim=-1)
    X=d.X[sup]; y=torch.tensor([base.index(int(c)) for c in d.y[sup]])
    J=(d.hand.abs().sum(0)>0).float(); mu=(X*J).mean(0)
    def texts(Pp,st,hj):
        j=Pp(ctx)
        return normalize(hj+j-st,dim=-1) if "res" in mode else j
    out={}
    for step in range(max(CHECK)+1):
        if step in CHECK:
            with torch.no_grad(): out[step]=wide(texts(P,start,handj))
        t=texts(Pb,startb,handj[:nb])
        w=wide(t)
        if "cen" in mode:
            q=normalize((X-mu)*J,dim=-1); tt=normalize(w-w.mean(0),dim=-1)
            ls=SC
        else: q,tt,ls=X,w,SC
        loss=torch.nn.functional.cross_entropy(ls*q@tt.T,y)+kg*(t-handj[:nb]).square().sum(-1).mean()
        opt.zero_grad(); loss.backward(); opt.step()
    return out
res=collections.defaultdict(list)
for name in VAL:
    d=Data(name)
    for K in (4,16):
      for seed in range(SEEDS):
        base,new,sup,qb,qn=d.split(seed,K); nb=len(base)
        J=(d.hand.abs().sum(0)>0).float(); mu=(d.X[sup]*J).mean(0)
        for mode,kg,lr in itertools.product(["plain","res","cen","rescen"],[1.,8.],[0.05]):
            for step,w in train(d,base,new,sup,kg,lr,mode).items():
                tb,tn=w[:nb],w[nb:]
                m=w.mean(0)
                cen=lambda q,t: normalize((q-mu)*J,dim=-1)@normalize(t-m,dim=-1).T
                a,b=acc(d.X[qb]@tb.T,d.y[qb],base),acc(d.X[qn]@tn.T,d.y[qn],new)
                ac,bc=acc(cen(d.X[qb],tb),d.y[qb],base),acc(cen(d.X[qn],tn),d.y[qn],new)
                res[mode,kg,lr,K,step].append((name,a,b,ac,bc))
    print(name,flush=True)
for k,v in res.items():
    by=collections.defaultdict(list)
    for r in v: by[r[0]].append(r[1:])
    a=np.mean([np.mean(x,0) for x in by.values()],0)
    print(*k," ".join(f"{100*x:5.1f}" for x in a), "| new cen by set"," ".join(f"{100*np.mean(x,0)[3]:5.1f}" for x in by.values()))
