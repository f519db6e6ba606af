from tools.trials.steps_run import *
cells={k:v for k,v in load().items()}
for f in sorted(glob.glob(os.environ["CACHE"]+"4/*.pt")):
    kind,part,a,b,j=os.path.basename(f)[:-3].split("|"); cells[(kind,float(part),a,b,int(j))]=torch.load(f)
oh=lambda q: torch.nn.functional.one_hot(q.argmax(-1),q.shape[-1]).float()
def sinkt(q,pm,target,it=10):
    Z=q*pm[...,None]
    for _ in range(it):
        Z=Z/Z.sum(1,keepdim=True).clamp(min=1e-9)*target[:,None]; Z=Z/Z.sum(-1,keepdim=True).clamp(min=1e-9)
    return Z*pm[...,None]
def prep(d):
    pm=d["pm"]; M=d["M"]; Xu=d["Xr"][:,M:]; p=d["L|one"][0][:,M:].softmax(-1); N=7
    C=torch.nn.functional.normalize(Xu,dim=-1); S=(C@C.mT).masked_fill(~pm[:,None],-2); S.diagonal(dim1=1,dim2=2).fill_(-2)
    kk=(pm.sum(1)//(2*N)).clamp(1,5); nn=S.topk(5,-1).indices; w=(torch.arange(5)<kk[:,None]).float()/kk[:,None]
    q=(torch.gather(p,1,nn.flatten(1)[...,None].expand(-1,-1,N)).reshape(len(p),-1,5,N)*w[:,None,:,None]).sum(2)
    m=pm[...,None]; mean=lambda z:(z*m).sum(1)/pm.sum(1)[:,None]
    ev=lambda s: ent(s).exp()/N
    return pm,p,q,mean,ev
def go(variants,steps=20):
    for name,(lf,gf) in variants.items():
        tot={}
        for key,d in cells.items():
            pm,p,q,mean,ev=prep(d); l=lf(pm,p,q,mean,ev); ok=gf(pm,p,q,mean,ev).float()
            r,_=run(d,seedpl=l,soft=True,sharp=1.,every=1000,pl=1.,steps=steps,lr=.01)
            tot.setdefault(key[:2],{}).setdefault(key[4],[]).append(((r[steps]-r[0])*ok).mean().item())
        print(f"{name:34}"," | ".join(f"{k[0]} {dict([(1.,'bal'),(.34,'third'),(2.,'mild'),(3.,'small')])[k[1]]} "+" ".join(f"{np.mean(v[j]):+.1f}" for j in range(3) if j in v)+" ("+" ".join(f"{min(v[j]):+.1f}" for j in range(3) if j in v)+")" for k,v in sorted(tot.items(),key=lambda z:(z[0][0]!="shift",z[0][1]))),flush=True)
U=lambda pm,p,q,mean,ev: torch.full((len(p),7),1/7)
sets={"uniform":U,"soft share":lambda pm,p,q,mean,ev: mean(p),"vote share":lambda pm,p,q,mean,ev: mean(oh(q)),"half vote":lambda pm,p,q,mean,ev:(mean(oh(q))+1/7)/2,"soft p+v":lambda pm,p,q,mean,ev: mean((p+q)/2), "p2 share":lambda pm,p,q,mean,ev: mean(((p+q)**2)/((p+q)**2).sum(-1,keepdim=True))}
lab=lambda tf: (lambda *a: sinkt((a[1]+a[2])**2,a[0],tf(*a)))
gate=lambda th: (lambda pm,p,q,mean,ev: ev(mean(oh(q)))>th)
if __name__=="__main__":
    print(len(cells))
    go({f"{n} gate {g}":(lab(t),gate(g)) for n,t in sets.items() for g in ((.85,.95) if n in ("uniform",) else (.85,))})
    go({f"no balance gate {g}":((lambda pm,p,q,mean,ev: ((p+q)**2/((p+q)**2).sum(-1,keepdim=True))*pm[...,None]),gate(g)) for g in (0.,.85)})
    go({"uniform gate .9":(lab(U),gate(.9)),"half vote gate .0":(lab(sets["half vote"]),gate(0.)),"soft share gate 0":(lab(sets["soft share"]),gate(0.))})
