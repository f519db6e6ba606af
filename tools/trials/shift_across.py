from tools.trials.shift_tasks import *
import sys,json
P,C="pacs-photo.large","pacs-cartoon.large"
T=["test-flowers17","test-grocery","test-dtd10"]
pairs=[(P,C),(C,P)]+[(t,t+"."+d) for t in T for d in ("edges","gray40")]+[(t+"."+d,t) for t in T for d in ("edges","gray40")]
out,nt,gens=sys.argv[1],int(sys.argv[2]),sys.argv[3].split(","); res={}
for a,b in pairs:
    for part,name in ((1.0,"all"),(.34,"third")):
        ks=(1,4,16) if a in (P,C) else (1,4,10)
        for i,t in enumerate(tasks(a,b,7,ks,n_query=10,pool=70 if a not in (P,C) else 100,n_tasks=nt,part=part,seed=11)):
            for j,k in enumerate(ks):
                with torch.no_grad():
                    R={"zs":acc(zs(t),t["y"]),"text+mean":acc(text_mean(t,k),t["y"])}
                    for g in gens:
                        G=GEN[g]
                        R[g]=acc(ans(G(support(t,k)),t["q"]),t["y"]); l=ans(G(support(t,k,True)),t["q"]); R[g+"+pool"]=acc(l,t["y"])
                        R[g+" confidence"]=100*l.softmax(-1).amax(-1).mean().item()
                for m,v in R.items(): res.setdefault(f"{a}|{b}|{name}|{k}|{m}",[]).append(v)
        json.dump(res,open(out,"w"))
    print(a,b,flush=True)
