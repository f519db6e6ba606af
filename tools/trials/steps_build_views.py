from tools.trials.steps_cells import *
import tools.trials.steps_tasks as lib
G=GEN["default"]; NT=12; out=Path(os.environ["CACHE"]+""); W=(512,992,512,992); off=np.cumsum((0,)+W)
def sub(B,bl):
    cols=torch.cat([torch.arange(off[i],off[i+1]) for i in bl]); f=lambda x: torch.nn.functional.normalize(x[...,cols],dim=-1)
    return dict(B,sup=f(B["sup"]),text=f(B["text"]),pool=f(B["pool"]),q=f(B["q"]),blocks=[W[i] for i in bl])
for part in (1.0,.34):
  for kind,prs in (("shift",SHIFT),("same",SAME)):
    for a,b in prs:
        B=None
        for j,k in enumerate(shots_of(a,b)):
            f=out/f"{kind}|{part}|{a}|{b}|{j}.pt"
            d=torch.load(f)
            if "S|joint" in d and "ypool" in d: continue
            B=B or batch(a,b,part,NT)
            with torch.no_grad():
                for nm,bl in (("joint",(0,2)),("stages",(1,3)),("look1",(0,1)),("look2",(2,3))):
                    b_=sub(B,bl); w=G(sup_of(b_,k)); d["S|"+nm]=(classify(b_["pool"],w),classify(b_["q"],w))
                if "ypool" not in d:
                    _,xq,lq,_=lib.load(b); ss,_,_,_=lib.load(a); text=ss.class_texts(); names=list(text); tt=torch.stack([torch.from_numpy(np.array(text[c])) for c in names]).float()
                    T=len(B["pool"]); yt=torch.full(B["pm"].shape,-1)
                    for t in range(T):
                        idx=(B["pool"][t]@xq.T).argmax(-1); cls=[names[(tt-B["text"][t,c]).abs().sum(-1).argmin()] for c in range(7)]
                        for u in range(B["pm"].shape[1]):
                            if B["pm"][t,u]: yt[t,u]=cls.index(lq[idx[u]])
                    d["ypool"]=yt
            torch.save(d,f)
        print(a,b,part,flush=True)
