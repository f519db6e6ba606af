import torch, sys, glob, os, time, json
import numpy as np
torch.set_num_threads(1)
def load(): 
    out={}
    for f in sorted(glob.glob(os.environ["CACHE"]+"/*.pt")):
        kind,part,a,b,j=os.path.basename(f)[:-3].split("|")
        out[(kind,float(part),a,b,int(j))]=torch.load(f)
    return out
def acc(l,y): return (100*((l.argmax(-1)==y)&(y>=0)).sum(1)/(y>=0).sum(1))
def ent(p): return -(p*p.clamp(min=1e-12).log()).sum(-1)
def mmean(x,m): return torch.where(m,x,0.).sum(1)/m.sum(1).clamp(min=1)
CK=(0,5,10,20,40,80,160)
def run(d, start="one", steps=80, lr=.02, anchor=1.0, ce=1.0, im=0.0, div=1.0, divto="uniform", pl=0.0, thr=0.0, every=1, soft=True, sharp=1.0, kl0=0.0, klzs=0.0, aad=0.0, cons=0.0, adam="scalar", anchor_by_shot=True, bias=True, half=None, trace=None, coefs=None, temp=1.0, seedpl=None, nnk=3, smooth=0.0, views=0.0, cent=False):
    M=d["M"]; pm=d["pm"]; L,Lq=d["L|"+start]; T,R,N=L.shape
    if half is not None: pm=pm&(torch.arange(pm.shape[1])%2==half)
    X,Xq=d["Xr"],d["Xq"]; sc=d["scale|"+start][:,None,None]; K=d["k"]
    u=(d["norm|"+start].square().mean(1).sqrt()/X.shape[-1]**.5)[:,None,None]  # rms entry in reduced dims
    D=X.shape[-1]
    Xm,Xu=X[:,:M],X[:,M:]; Lm,Lu=L[:,:M],L[:,M:]
    own=torch.arange(N).repeat_interleave(M//N)
    p0=(Lu/temp).softmax(-1)
    share0=(p0*pm[...,None]).sum(1)/pm.sum(1)[:,None]
    target=torch.full_like(share0,1/N) if divto=="uniform" else share0
    V=torch.zeros(T,N,D); bv=torch.zeros(T,N); mV=torch.zeros_like(V); mb=torch.zeros_like(bv); sV=torch.zeros(T,N,1) if adam=="scalar" else torch.zeros_like(V); sb=torch.zeros_like(bv)
    res={0:acc(Lq,d["y"])}; tr={0:None}
    lab=None
    if aad or smooth:
        C=torch.nn.functional.normalize(Xu,dim=-1); S=(C@C.mT).masked_fill(~pm[:,None],-2); S.diagonal(dim1=1,dim2=2).fill_(-2); nn=S.topk(nnk,-1).indices
    ub=1.0
    def logits(X,L,V,bv): return L+sc*((X@(u*V).mT))+bv[:,None]*ub
    anc=anchor/(K if anchor_by_shot else 1)
    def stats(V,bv):
        lu=logits(Xu,Lu,V,bv); p=lu.softmax(-1); mp=(p*pm[...,None]).sum(1)/pm.sum(1)[:,None]
        return dict(ent=mmean(ent(p),pm), div=ent(mp), moved=mmean((lu.argmax(-1)!=Lu.argmax(-1)).float(),pm), pool=lu, v2=V.square().mean((1,2)), ce=-logits(Xm,Lm,V,bv).log_softmax(-1)[:,torch.arange(M),own].mean(1), q=logits(Xq,Lq,V,bv))
    st={0:stats(V,bv)}
    for t in range(1,steps+1):
        V.requires_grad_(); bv.requires_grad_()
        lm=logits(Xm,Lm,V,bv); lu=logits(Xu,Lu,V,bv)
        loss=torch.zeros(T)
        if ce: loss=loss-ce*lm.log_softmax(-1)[:,torch.arange(M),own].mean(1)
        lpu=(lu/temp).log_softmax(-1); p=lpu.exp()
        if im:
            mp=(p*pm[...,None]).sum(1)/pm.sum(1)[:,None]
            loss=loss+im*(mmean(-(p*lpu).sum(-1),pm)+div*(mp*(mp.clamp(min=1e-9)/target.clamp(min=1e-9)).log()).sum(-1))
        if pl:
            if (t-1)%every==0:
                with torch.no_grad():
                    q=(p if seedpl is None else seedpl); q=q.detach()
                    if views:
                        lv=(d["S|joint"][0].log_softmax(-1)+d["S|stages"][0].log_softmax(-1))/2
                        q=((1-views)*lpu+views*lv).softmax(-1)
                    if smooth:
                        qn=torch.gather(q,1,nn.flatten(1)[...,None].expand(-1,-1,N)).reshape(T,-1,nnk,N).mean(2); q=(1-smooth)*q+smooth*qn
                    keep=pm&(q.amax(-1)>=thr)
                    lab=(q**sharp/ (q**sharp).sum(-1,keepdim=True).clamp(min=1e-9)) if soft else torch.nn.functional.one_hot(q.argmax(-1),N).float()
                    if soft=="bal": # Sinkhorn to target
                        Z=q**sharp*pm[...,None]
                        for _ in range(5):
                            Z=Z/Z.sum(1,keepdim=True).clamp(min=1e-9)*target[:,None]; Z=Z/Z.sum(-1,keepdim=True).clamp(min=1e-9)
                        lab=Z*pm[...,None]
            loss=loss+pl*mmean(-(lab*lpu).sum(-1),keep)
        if kl0: loss=loss+kl0*mmean((p0*(p0.clamp(min=1e-9).log()-lpu)).sum(-1),pm)
        if klzs: 
            z=d["zs"][0][:,M:].softmax(-1); loss=loss+klzs*mmean(-(z*lpu).sum(-1),pm)
        if aad:
            pn=torch.gather(p,1,nn.flatten(1)[...,None].expand(-1,-1,N)).reshape(T,-1,nnk,N)
            loss=loss-aad*mmean((p[:,:,None]*pn).sum(-1).mean(-1),pm)
        loss=loss+anc*V.square().mean((1,2))
        gV,gb=torch.autograd.grad(loss.sum(),[V,bv])
        with torch.no_grad():
            V=V.detach();bv=bv.detach()
            mV=.9*mV+.1*gV; mb=.9*mb+.1*gb
            if adam=="scalar": sV=.999*sV+.001*gV.square().mean(-1,keepdim=True)
            else: sV=.999*sV+.001*gV.square()
            sb=.999*sb+.001*gb.square()
            V=V-lr*(mV/(1-.9**t))/((sV/(1-.999**t)).sqrt()+1e-8)
            if bias: bv=bv-lr*(mb/(1-.9**t))/((sb/(1-.999**t)).sqrt()+1e-8)
            if t in CK: res[t]=acc(logits(Xq,Lq,V,bv),d["y"]); st[t]=stats(V,bv)
    return res,st
def table(cells, variants, parts=(1.0,.34), kinds=("shift","same"), out=None):
    for name,kw in variants.items():
        tot={}
        t0=time.time()
        for key,d in cells.items():
            kind,part,a,b,j=key
            if part not in parts or kind not in kinds: continue
            r,_=run(d,**kw); base=acc(d["L|one"][1],d["y"])
            for n,v in r.items(): tot.setdefault((kind,part,n),{}).setdefault(j,[]).append((v-base).mean().item())
        print(f"{name}  ({time.time()-t0:.0f}s)")
        for kind in kinds:
            for part in parts:
                print(f"  {kind:5} {part:4} "+" | ".join(f"{n}: "+" ".join(f"{np.mean(v.get(j,[np.nan])):+5.1f}" for j in range(3))+" ("+" ".join(f"{min(v.get(j,[np.nan])):+.1f}" for j in range(3))+")" for (kk,pp,n),v in tot.items() if kk==kind and pp==part),flush=True)
