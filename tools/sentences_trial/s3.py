"""Sentences weighed by what ships: those of other classes, and right ones behind useless names."""
import sys; sys.path.insert(0,'/tmp/see')
import lab; from lab import *
from dataclasses import replace
import torch.nn.functional as F
from metaadapter.generator import load_generator
from metaadapter.classifier.sentences import weigh_sentences
g=load_generator("default")
other=Data("/tmp/st2/emoji-google").T.numpy()
tot={}
for name in sys.argv[1:]:
    d=Data(f"/tmp/st2/{name}"); res={}
    for k in SHOTS:
        for i,(sup,Q,y) in enumerate(d.tasks(k,40,q=30)):
            T=sup.text_TND[0].numpy(); N=len(T); r=np.random.default_rng(i); sh=1+int(r.integers(0,N-1)); W=np.roll(T,sh,0); W2=np.roll(T,sh+1,0)
            R=other[r.permutation(len(other))[:N]]; rows,num=sup.labelled_rows(); rows,num=rows.numpy(),num.numpy()
            u=lambda x:x/np.linalg.norm(x,axis=1,keepdims=True)
            cf={"name":T,"wrong, equal":u(T+W),"wrong":weigh_sentences(T,{c:W[[c]] for c in range(N)},rows,num),"two wrong":weigh_sentences(T,{c:np.stack([W[c],W2[c]]) for c in range(N)},rows,num),
             "one class wrong":weigh_sentences(T,{0:W[[0]]},rows,num),
             "useless":R,"useless, equal":u(R+T),"useless, right":weigh_sentences(R,{c:T[[c]] for c in range(N)},rows,num)}
            for n,t in cf.items():
                w=g.predict(replace(sup,text_TND=torch.from_numpy(t.astype(np.float32))[None])); res.setdefault((n,k),[]).append(float((classify(Q[None],w)[0].argmax(-1)==y).float().mean())*100)
    print(name,flush=True)
    for n in dict.fromkeys(a for a,_ in res):
        v=[np.mean(res[n,k]) for k in SHOTS]; tot.setdefault(n,[]).append(v); print(f"   {n:16}",[f"{x:.1f}" for x in v],flush=True)
print("mean")
for n,v in tot.items(): print(f"   {n:16}",[f"{x:.2f}" for x in np.mean(v,0)])
