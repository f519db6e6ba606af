from tools.trials.steps_labels import *
names={1.:"balanced",.34:"third",2.:"mild",3.:"small"}
V=dict(pl=1.,soft="bal",sharp=2.,smooth=.5)
F={"ce":dict(),"im":dict(im=1.),"im estimated shares":dict(im=1.,divto="share0"),"im kl0":dict(im=1.,kl0=1.),"hard labels above .7":dict(pl=1.,soft=False,thr=.7,every=5),"sharpened labels":dict(pl=1.,sharp=2.,every=5),
"balanced labels":dict(V,smooth=0.,every=5),"balanced labels, no ce":dict(V,smooth=0.,every=5,ce=0.),"balanced, klzs .1":dict(V,smooth=0.,every=5,klzs=.1),"neighbours agree (aad .6)":dict(aad=.6),"balanced+aad .6":dict(V,smooth=0.,aad=.6),
"votes, balanced":dict(V),"votes, balanced, once":dict(V,every=1000),"votes, balanced, aad .3":dict(V,aad=.3),"votes, estimated shares":dict(V,divto="share0"),"votes, lr .05":dict(V,lr=.05),"votes, anchor 10":dict(V,anchor=10.),"votes, adam per entry":dict(V,adam="full"),"votes, views .3":dict(V,views=.3)}
print(len(cells))
for n,kw in F.items():
    tot={}
    for key,d in cells.items():
        if kw.get("views") and "S|joint" not in d: continue
        if key[0]=="same" and key[1] in (.34,): continue
        r,_=run(d,**dict(dict(steps=20),**kw))
        for s in (10,20): tot.setdefault((s,)+key[:2],{}).setdefault(key[4],[]).append((r[s]-r[0]).mean().item())
    print(f"{n:28}"," | ".join(f"{k[1]} {names[k[2]]} @{k[0]} "+"/".join(f"{np.mean(v[j]):+.1f}" for j in range(3))+" ("+"/".join(f"{min(v[j]):+.1f}" for j in range(3))+")" for k,v in sorted(tot.items(),key=lambda z:(z[0][0],z[0][1]!="shift",z[0][2]))),flush=True)
# the choice of the number of steps, on balanced pools of another domain
out={}
for key,d in cells.items():
    if key[0]!="shift" or key[1]!=1.0: continue
    pm=d["pm"]; r,st=run(d,steps=20,**V); _,sa=run(d,steps=20,start="A",half=0,**V); _,sb=run(d,steps=20,start="B",half=1,**V); ns=[0,5,10,20]
    G=torch.stack([r[n]-r[0] for n in ns],1); ag=torch.stack([mmean((sa[n]["pool"].argmax(-1)==sb[n]["pool"].argmax(-1)).float(),pm) for n in ns],1); EN=torch.stack([st[n]["ent"]-st[n]["div"] for n in ns],1); CE=torch.stack([st[n]["ce"] for n in ns],1); ar=torch.arange(len(G))
    for nm,i in {"oracle":G.argmax(1),"halves":ag.argmax(1),"im":EN.argmin(1),"moved labelled":CE.argmin(1),"10":torch.full((len(G),),2)}.items(): out.setdefault(nm,{}).setdefault(key[4],[]).append(G[ar,i].mean().item())
for n,v in out.items(): print("choice",n," ".join(f"{np.mean(v[j]):+.1f} ({min(v[j]):+.1f})" for j in range(3)))
