from tools.trials.steps_cells import *
from tools.trials.steps_votes import lab
import torch
G=GEN["default"]; NT=12; tot={}
for kind,prs in (("shift",SHIFT),("same",SAME)):
  for a,b in prs:
    B=batch(a,b,1.0,NT)
    for j,k in enumerate(shots_of(a,b)):
      d=torch.load(os.environ["CACHE"]+f"/{kind}|1.0|{a}|{b}|{j}.pt")
      with torch.no_grad():
        s=sup_of(B,k); mv=G.in_domain_of_pool(s); pm=B["pm"]; base=accs(d["L|one"][1],B["y"])
        for nm,kw in (("k5 s.5",dict(k=5,s=.5)),):
            y=lab(d,**kw).argmax(-1).masked_fill(~pm,-1)
            tot.setdefault((kind,"second pass, "+nm),{}).setdefault(j,[]).append((accs(classify(B["q"],G(labelled(mv,B["pool"],y))),B["y"])-base).mean().item())
    print(a,b,flush=True)
for k,v in tot.items(): print(k," ".join(f"{np.mean(v[j]):+.1f}" for j in range(3))," (", " ".join(f"{min(v[j]):+.1f}" for j in range(3)),")")
