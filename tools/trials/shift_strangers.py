from tools.trials.shift_tasks import *
K,P,W,TI="caltech101-val","pacs-photo.large","clothing10.large","tiny-imagenet-val"
import sys
for s,f in ((K,None),(TI,None),(K,TI),(P,TI),(W,K)):
    out={}
    for t in tasks(s,s,7,(1,4,10),n_tasks=25,part=1.0,seed=3,strangers=0.0):
        rng=np.random.default_rng(len(out.get((1,"none"),[])))
        if f: x=load(f)[1]; pool=x[rng.permutation(len(x))[:100]]
        else:
            st,x,lab,_=load(s); 
            # strangers: pictures whose nearest is not of the task's classes: use text match
            own=[c for c in set(lab) if any(torch.allclose(torch.from_numpy(st.class_texts()[c]).float(),v) for v in t["text"])]
            idx=np.flatnonzero(~np.isin(lab,own)); pool=x[rng.permutation(idx)[:100]]
        half=torch.cat([t["pool"][:50],pool[:50]])
        for k in (1,4,10):
            with torch.no_grad():
                G=GEN["default"]
                out.setdefault((k,"none"),[]).append(acc(ans(G(support(t,k)),t["q"]),t["y"]))
                out.setdefault((k,"all strangers"),[]).append(acc(ans(G(support({**t,"pool":pool},k,True)),t["q"]),t["y"]))
                out.setdefault((k,"half"),[]).append(acc(ans(G(support({**t,"pool":half},k,True)),t["q"]),t["y"]))
    print(s,f,{a:round(float(np.mean(v)),1) for a,v in out.items()},flush=True)
