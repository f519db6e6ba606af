from lab import *
import collections,itertools
from dataclasses import replace
SEEDS=0
CHECK=eval(sys.argv[4]) if __name__=="__main__" and len(sys.argv)>4 else (0,10,20,40)
INIT={1:"photo",2:"a photo",4:"a photo of a",8:"this is a good clear photo of a"}
RMS=0.0396
def pooled(w,nb):
    v=w.values.clone(); v[:,nb:]=v[:,nb:].mean(1,keepdim=True); return replace(w,values=v)
def train(d,base,new,sup,n,kg,lr,mode,nouns,o3=False,seed=0):
    nb=len(base); order=base+new
    names=[d.names[c] for c in order]
    if "rand" in mode: c0=torch.randn(n,128,generator=torch.Generator().manual_seed(seed))*0.02
    else: c0=init_ctx(INIT[n])
    assert len(c0)==n
    P=Prompt(names,n); Pb=Prompt(names[:nb],n)
    ctx=c0.clone().requires_grad_(); opt=torch.optim.Adam([ctx],lr=lr*RMS)
    with torch.no_grad(): start,startb=P(c0),Pb(c0)
    hand=normalize(d.hand[order][:,:512],dim=-1)
    if nouns: PN=Prompt(NOUN,n); handN=normalize(torch.from_numpy(ENC.encode_texts(NOUN))[:,:512],dim=-1)
    X=d.X[sup]; y=torch.tensor([base.index(int(c)) for c in d.y[sup]])
    J=(d.hand.abs().sum(0)>0).float(); mu=(X*J).mean(0)
    q=normalize((X-mu)*J,dim=-1)
    if nouns:
        with torch.no_grad(): startN=PN(c0)
    f=lambda Pp,st,h: normalize(h+Pp(ctx)-st,dim=-1) if "res" in mode else Pp(ctx)
    out={}
    for step in range(max(CHECK)+1):
        if step in CHECK:
            with torch.no_grad(): out[step]=wide(f(P,start,hand))
        t=f(Pb,startb,hand[:nb]); w=wide(t)
        if "plain" in mode: loss=torch.nn.functional.cross_entropy(SC*X@w.T,y)
        else: loss=torch.nn.functional.cross_entropy(SC*q@normalize(w-w.mean(0),dim=-1).T,y)
        ref=hand[:nb]
        if nouns:
            with torch.no_grad(): pass
            tn=f(PN,startN,handN); loss=loss+kg*(tn-handN).square().sum(-1).mean()
        else: loss=loss+kg*(t-ref).square().sum(-1).mean()
        opt.zero_grad(); loss.backward(); opt.step()
    return out
if __name__=="__main__":
    SEEDS=int(sys.argv[1]); res=collections.defaultdict(list)
    CONF=eval(sys.argv[2])
    for name in VAL:
        d=Data(name)
        for K in (4,16):
          for seed in range(SEEDS):
            base,new,sup,qb,qn=d.split(seed,K); nb=len(base); order=base+new
            J=(d.hand.abs().sum(0)>0).float(); mu=(d.X[sup]*J).mean(0)
            for conf in CONF:
                for step,w in train(d,base,new,sup,*conf,seed=seed).items():
                    tb,tn=w[:nb],w[nb:]; m=w.mean(0)
                    cen=lambda q,t: normalize((q-mu)*J,dim=-1)@normalize(t-m,dim=-1).T
                    r=[acc(d.X[qb]@tb.T,d.y[qb],base),acc(d.X[qn]@tn.T,d.y[qn],new),acc(cen(d.X[qb],tb),d.y[qb],base),acc(cen(d.X[qn],tn),d.y[qn],new)]
                    if len(sys.argv)>3:
                        a=GEN.predict(support(d,order,sup,w)).task(0)
                        for ww in (a,pooled(a,nb)):
                            r+=[acc(classify(d.X[qb],ww)[:,:nb],d.y[qb],base),acc(classify(d.X[qn],ww)[:,nb:],d.y[qn],new)]
                    r+=[hm(r[i],r[i+1]) for i in range(0,len(r),2)]
                    res[(K,*conf,step)].append((name,*r))
    for k,v in sorted(res.items(),key=lambda kv:str(kv[0])):
        by=collections.defaultdict(list)
        for r in v: by[r[0]].append(r[1:])
        a=np.mean([np.mean(x,0) for x in by.values()],0)
        print(*k,"|"," ".join(f"{100*x:5.1f}" for x in a), "| new cen by set"," ".join(f"{100*np.mean(x,0)[3]:5.1f}" for x in by.values()),flush=True)
