from tools.trials.steps_cells import *
import tools.trials.steps_tasks as lib
from metaadapter.workflow.choose_n_steps import fine_tune
from metaadapter.workflow.gradient_steps import FineTune
G=GEN["default"]; NT=int(sys.argv[1]); which=sys.argv[2].split(","); kinds=sys.argv[3].split(",")
def pool_y(B,a,b):
    _,xq,lq,_=lib.load(b); ss,_,_,_=lib.load(a); text=ss.class_texts(); names=list(text); tt=torch.stack([torch.from_numpy(np.array(text[c])) for c in names]).float()
    out=torch.full(B["pm"].shape,-1)
    for t in range(len(out)):
        idx=(B["pool"][t]@xq.T).argmax(-1); cls=[names[(tt-B["text"][t,c]).abs().sum(-1).argmin()] for c in range(7)]
        for u in range(out.shape[1]):
            if B["pm"][t,u]: out[t,u]=cls.index(lq[idx[u]])
    return out
tot={}
for kind,prs in (("shift",SHIFT),("same",SAME)):
  if kind not in kinds: continue
  for a,b in prs:
    for w in which:
      if w=="third": B=batch(a,b,.34,NT,seed=7)
      else: B=batch(a,b,1.0,NT,seed=7)
      if w in ("skewed","mild","small"):
        y=pool_y(B,a,b); rng=np.random.default_rng(3); pm=torch.zeros_like(B["pm"])
        for t in range(len(y)):
            s=rng.dirichlet([{"skewed":.3,"mild":2.,"small":1e6}[w]]*7); top={"small":3}.get(w,14)
            for c in range(7):
                i=(y[t]==c).nonzero()[:,0]; pm[t,i[:max(0,round(top*s[c]/s.max()))]]=True
        B["pm"]=pm
      if w=="strangers":
        ts=list(tasks(a,b,7,shots_of(a,b),n_query=15,pool=100,n_tasks=NT,seed=7,strangers=.4)); 
        from torch.nn.utils.rnn import pad_sequence as ps
        B["pool"]=ps([t["pool"] for t in ts],batch_first=True); B["pm"]=torch.arange(B["pool"].shape[1])<torch.tensor([len(t["pool"]) for t in ts])[:,None]
      for j,k in enumerate(shots_of(a,b)):
        with torch.no_grad(): s=sup_of(B,k); base=accs(classify(B["q"],G.predict(s)),B["y"])
        f=fine_tune(G,s)
        g=accs(classify(B["q"],f.weights),B["y"])-base
        e=tot.setdefault((kind,w),{}).setdefault(j,[]); e.append((g.mean().item(),g.std().item()/NT**.5,(f.n_steps_T>0).float().mean().item(),base.mean().item(),a+">"+b))
    print(a,b,flush=True)
for k,v in tot.items():
    print(k); 
    for j in range(3):
        x=v[j]; m=min(x); print("  ",("1","4","16")[j],f"start {np.mean([i[3] for i in x]):.1f} gain {np.mean([i[0] for i in x]):+.2f} ± {np.sqrt(sum(i[1]**2 for i in x))/len(x):.2f} least {m[0]:+.1f} ± {m[1]:.1f} {m[4]} refined {100*np.mean([i[2] for i in x]):.0f}%")
json.dump({str(k):v for k,v in tot.items()},open(f"uneven-{'-'.join(which)}-{'-'.join(kinds)}.json","w"))
