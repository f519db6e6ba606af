from tools.trials.steps_starts import *
from tools.trials.steps_sinkhorn import sink
def lab(d,k=10,s=.7,views=0,sharp=2.,rounds=1,start="one"):
    pm=d["pm"]; M=d["M"]; Xu=d["Xr"][:,M:]; l=d["L|"+start][0][:,M:].log_softmax(-1); N=l.shape[-1]
    if views: l=(2*l+d["S|joint"][0].log_softmax(-1)+d["S|stages"][0].log_softmax(-1))/4
    p=l.softmax(-1); C=torch.nn.functional.normalize(Xu,dim=-1); S=(C@C.mT).masked_fill(~pm[:,None],-2); S.diagonal(dim1=1,dim2=2).fill_(-2)
    nn=S.topk(k,-1).indices; avg=lambda q: torch.gather(q,1,nn.flatten(1)[...,None].expand(-1,-1,N)).reshape(len(q),-1,k,N).mean(2)
    q=p
    for _ in range(rounds): q=sink(((1-s)*p+s*avg(q))**sharp,pm)
    return q
def table2(variants,parts=(1.0,),kinds=("shift","same"),gate=None):
    for name,(lk,rk) in variants.items():
        tot={}
        for key,d in cells.items():
            if key[1] not in parts: continue
            r,_=run(d,seedpl=lab(d,**lk),soft=True,sharp=1.,every=1000,pl=1.,**rk); base=acc(d["L|one"][1],d["y"])
            for n,v in r.items(): tot.setdefault((key[0],key[1],n),{}).setdefault(key[4],[]).append((v-base).mean().item())
        print(name)
        for kind in kinds:
          for part in parts: print(f"  {kind:5} {part} "+" | ".join(f"{n}: "+" ".join(f"{np.mean(v[j]):+.1f}" for j in range(3))+" ("+" ".join(f"{min(v[j]):+.1f}" for j in range(3))+")" for (kk,pp,n),v in tot.items() if kk==kind and pp==part and n),flush=True)
if __name__=="__main__":
    R=dict(steps=40,anchor=1.)
    table2({"k10 s.7":(dict(),R),"k10 s.7 sharp4":(dict(sharp=4.),R),"k10 s.7 views":(dict(views=1),R),"k5 s.5 x5":(dict(k=5,s=.5,rounds=5),R),"k10 s.7 ce0":(dict(),dict(R,ce=0.)),"k10 s.7 anchor10":(dict(),dict(R,anchor=10.)),"k10 s.7 lr.01 ":(dict(),dict(R,lr=.01)),"k10 s.7 full adam ":(dict(),dict(R,adam="full")),"k10 s.5":(dict(s=.5),R), "k10 s.7 from tb":(dict(start="tb"),R),
    "k10 s.7 aad":(dict(),dict(R,aad=.5))})
