import sys; sys.path.insert(0,'/tmp/see')
from s1 import *
other=Data("/tmp/st2/emoji-google").T
for name in sys.argv[1:]:
    d=Data(f"/tmp/st2/{name}"); res={}
    for k in (1,2,4):
        for i,(sup,Q,y) in enumerate(d.tasks(k,40,q=30)):
            T=sup.text_TND[0]; N=len(T); r=np.random.default_rng(i); R=other[r.permutation(len(other))[:N]]
            S2=torch.stack([R,T],1)
            cf={"right name":T,"useless name":R,"none":0*T,"equal":F.normalize(T+R,dim=-1)}
            for tau,h,tg in ((10,3,0),(10,1,20),(10,2,20),(10,1,40),(10,2,40),(5,1,40)): cf[f"{tau},{h},{tg}"]=texts(sup,S2,tau,h,tg)
            for n,t in cf.items():
                w=g.predict(replace(sup,text_TND=t[None])); res.setdefault((n,k),[]).append(float((classify(Q[None],w)[0].argmax(-1)==y).float().mean())*100)
    print(name)
    for n in dict.fromkeys(a for a,_ in res): print(f"   {n:12}",[f"{np.mean(res[n,k]):.1f}" for k in (1,2,4)])
