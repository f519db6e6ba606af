from tools.trials.steps_run import *
cells={k:v for k,v in load().items() if "ypool" in v}; print(len(cells))
def sink(p,pm,target=None,it=10):
    Z=p*pm[...,None]; N=p.shape[-1]
    for _ in range(it):
        Z=Z/Z.sum(1,keepdim=True).clamp(min=1e-9)*(1/N if target is None else target[:,None]); Z=Z/Z.sum(-1,keepdim=True).clamp(min=1e-9)
    return Z*pm[...,None]
if __name__=="__main__":
  combos={"all":["all"],"a+j+s":["all","joint","stages"],"j+s":["joint","stages"],"2a+j+s":["all","all","joint","stages"],"a+s":["all","stages"],"looks":["look1","look2"],"five":["all","joint","stages","look1","look2"]}
  def logp(d,n): return (d["L|one"][0][:,d["M"]:] if n=="all" else d["S|"+n][0]).log_softmax(-1)
  tot={}
  for key,d in cells.items():
    if key[1]!=1.0: continue
    for n,c in combos.items():
        lp=sum(logp(d,x) for x in c)/len(c)
        for sh in (1.,2.):
            s=sink((lp*sh).softmax(-1),d["pm"])
            tot.setdefault((key[0],n+f" sink{sh}"),{}).setdefault(key[4],[]).append(acc(s,d["ypool"]).mean().item())
        tot.setdefault((key[0],n),{}).setdefault(key[4],[]).append(acc(lp,d["ypool"]).mean().item())
  for k,v in tot.items(): print(k," ".join(f"{np.mean(v[j]):.1f}" for j in range(3) if j in v), flush=True)
