from lab import *
import collections
from e4 import pooled
out=collections.defaultdict(list)
for name in VAL:
  d=Data(name)
  for K in (1,4,16):
    for seed in range(6):
        base,new,sup,qb,qn=d.split(seed,K); nb=len(base); order=base+new
        for m,g in (("default",GEN),("closed",shared_generator("closed-form")[0])):
            a=g.predict(support(d,order,sup,d.hand[order])).task(0)
            lb,ln=classify(d.X[qb],a),classify(d.X[qn],a)
            nll=lambda l,y:-l.log_softmax(-1)[range(len(y)),[order.index(int(c)) for c in y]].mean().item()
            b,n=acc(lb,d.y[qb],order),acc(ln,d.y[qn],order); b1,n1=acc(lb[:,:nb],d.y[qb],base),acc(ln[:,nb:],d.y[qn],new)
            out[K,m,name].append((b1,n1,hm(b1,n1),b,n,hm(b,n),(b*len(qb)+n*len(qn))/(len(qb)+len(qn)),(nll(lb,d.y[qb])*len(qb)+nll(ln,d.y[qn])*len(qn))/100/(len(qb)+len(qn))))
for K in (1,4,16):
  for m in ("default","closed"): print(K,m," ".join(f"{100*x:6.1f}" for x in np.mean([np.mean(out[K,m,n],0) for n in VAL],0)))
