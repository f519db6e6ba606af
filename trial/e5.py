from lab import *
import collections
from dataclasses import replace
from e4 import init_ctx, INIT, RMS, pooled
SEEDS=int(sys.argv[1]); SETS=sys.argv[2].split(","); KG=float(sys.argv[3]); CHECK=(0,10,20,40); LR=.05; n=4
CEJ=torch.nn.functional.cross_entropy
res=collections.defaultdict(list)
def run(d,base,new,sup,seed,joint):
    g=np.random.default_rng(seed)
    nb=len(base); order=base+new; names=[d.names[c] for c in order]
    c0=init_ctx(INIT[n]); P=Prompt(names,n); Pb=Prompt(names[:nb],n)
    ctx=c0.clone().requires_grad_(); opt=torch.optim.Adam([ctx],lr=LR*RMS)
    hand=normalize(d.hand[order][:,:512],dim=-1)
    y=np.array([base.index(int(c)) for c in d.y[sup]])
    out={}
    for step in range(max(CHECK)+1):
        if step in CHECK:
            with torch.no_grad(): out[step]=wide(P(ctx))
        t=Pb(ctx); w=wide(t)
        pn=g.permutation(nb)[:max(1,nb//2)]; pb=np.array([i for i in range(nb) if i not in pn])
        qrows,krows=[],[]
        for c in range(nb):
            r=g.permutation(np.flatnonzero(y==c)); 
            nq=max(1,len(r)//4) if c in pb else min(len(r),max(1,len(r)//4))
            qrows.append(r[:nq]); 
            if c in pb: krows.append(r[nq:])
        q=np.concatenate(qrows); k=np.concatenate(krows)
        s=Support.of_rows(d.X[sup[k]],torch.from_numpy(y[k]),w,logit_scale=d.scale,blocks=d.blocks)
        a=GEN(s); 
        v=a.values.clone(); v[:,:,pn]=v[:,:,pn].mean(2,keepdim=True); a=replace(a,values=v)
        lg=classify(d.X[sup[q]][None],a)[0]; yq=y[q]
        if joint: loss=CEJ(lg,torch.from_numpy(yq))
        else:
            loss=0.
            for grp in (pn,pb):
                m=np.isin(yq,grp)
                if len(grp)>1: loss=loss+.5*CEJ(lg[m][:,grp],torch.tensor([list(grp).index(v) for v in yq[m]]))
            if len(pn)<2: loss=loss+.5*CEJ(lg,torch.from_numpy(yq))
        loss=loss+KG*(t-hand[:nb]).square().sum(-1).mean()
        opt.zero_grad(); loss.backward()
        if not torch.isfinite(ctx.grad).all(): print("nan grad"); break
        opt.step()
    return out
for name in SETS:
    d=Data(name)
    for K in (4,16):
      for seed in range(SEEDS):
        base,new,sup,qb,qn=d.split(seed,K); nb=len(base); order=base+new
        J=(d.hand.abs().sum(0)>0).float(); mu=(d.X[sup]*J).mean(0)
        for joint in (0,1):
            for step,w in run(d,base,new,sup,seed,joint).items():
                tb,tn=w[:nb],w[nb:]; m=w.mean(0)
                cen=lambda q,t: normalize((q-mu)*J,dim=-1)@normalize(t-m,dim=-1).T
                r=[acc(cen(d.X[qb],tb),d.y[qb],base),acc(cen(d.X[qn],tn),d.y[qn],new)]
                a=GEN.predict(support(d,order,sup,w)).task(0)
                for ww in (a,pooled(a,nb)):
                    r+=[acc(classify(d.X[qb],ww)[:,:nb],d.y[qb],base),acc(classify(d.X[qn],ww)[:,nb:],d.y[qn],new)]
                r+=[hm(r[i],r[i+1]) for i in range(0,len(r),2)]
                res[K,joint,step].append((name,*r))
for k,v in sorted(res.items()):
    by=collections.defaultdict(list)
    for r in v: by[r[0]].append(r[1:])
    a=np.mean([np.mean(x,0) for x in by.values()],0)
    print(*k,"|"," ".join(f"{100*x:5.1f}" for x in a), "| pooled H by set"," ".join(f"{100*np.mean(x,0)[8]:5.1f}" for x in by.values()),flush=True)
