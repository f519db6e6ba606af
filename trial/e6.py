from lab import *
import collections
from dataclasses import replace
from e4 import pooled
out=collections.defaultdict(list)
def half(w,nb):
    p=pooled(w,nb); return replace(w,values=(w.values+p.values)/2)
for name in VAL:
  d=Data(name)
  for K in (1,4,16):
   for frac in ("half","one"):
    o=collections.defaultdict(list)
    for seed in range(6):
        base,new,sup,qb,qn=d.split(seed,K)
        if frac=="one":
            # all but one/two classes have pictures
            keep=base+new[2:]
            g=np.random.default_rng(seed); r2=[]; q2=[]
            for c in keep:
                r=g.permutation(np.flatnonzero(d.y.numpy()==c)); r2.append(r[:K]); q2.append(r[K:K+10])
            sup=torch.from_numpy(np.concatenate(r2)); qb=torch.from_numpy(np.concatenate(q2)); base,new=keep,new[:2]
            qn=torch.from_numpy(np.concatenate([g.permutation(np.flatnonzero(d.y.numpy()==c))[:10] for c in new]))
        nb=len(base); order=base+new
        a=GEN.predict(support(d,order,sup,d.hand[order])).task(0)
        for m,ww in (("full",a),("pooled",pooled(a,nb))):
            lb,ln=classify(d.X[qb],ww),classify(d.X[qn],ww)
            nll=lambda l,y:-l.log_softmax(-1)[range(len(y)),[order.index(int(c)) for c in y]].mean().item()
            b,n=acc(lb,d.y[qb],order),acc(ln,d.y[qn],order)
            o[m].append((acc(lb[:,:nb],d.y[qb],base),acc(ln[:,nb:],d.y[qn],new),b,n,hm(b,n),(b*len(qb)+n*len(qn))/(len(qb)+len(qn)),(nll(lb,d.y[qb])*len(qb)+nll(ln,d.y[qn])*len(qn))/100/(len(qb)+len(qn))))
    for m,v in o.items(): out[frac,K,m].append(np.mean(v,0))
for k,v in sorted(out.items()): print(*k," ".join(f"{100*x:6.1f}" for x in np.mean(v,0)),"| all-way acc by set"," ".join(f"{100*x[5]:5.1f}" for x in v))
print("base|base new|new base|all new|all hm allacc nll")
