import torch, numpy as np
from pathlib import Path
from metaadapter.features import FeatureStore
from metaadapter.adapter import Support, classify
torch.set_num_threads(1)
SHOTS=(1,2,4,8,16)
class Data:
    def __init__(s, folder, columns=None, blocks=None):
        st=FeatureStore.open(folder); s.name=Path(folder).name
        X,_=st.mean_features(); X=torch.from_numpy(np.asarray(X,np.float32))
        T=torch.from_numpy(st.texts); s.scale=st.logit_scale; s.blocks=st.blocks
        if columns is not None:
            L=X[:,columns].norm(dim=1).mean(); X=torch.nn.functional.normalize(X[:,columns],dim=1); T=T[:,columns]; T=torch.nn.functional.normalize(T,dim=1); s.scale=s.scale*float(L); s.blocks=blocks
        s.X,s.T=X,T
        lab=np.array([st.classes.index(l) for l in st.rows.label[st.rows.view==0]]); s.by=[np.flatnonzero(lab==c) for c in range(len(st.classes))]
    def tasks(s, k, n, ways=20, q=10, seed=0):
        ok=[c for c in range(len(s.by)) if len(s.by[c])>=k+4]
        for t in range(n):
            r=np.random.default_rng([seed,t]); cs=r.permutation(ok)[:ways]
            perm=[r.permutation(s.by[c]) for c in cs]
            sup=torch.tensor(np.stack([p[:k] for p in perm])); 
            qs=[p[16:16+q] if len(p)>=16+4 else p[k:k+q] for p in perm]
            y=torch.tensor(np.repeat(np.arange(len(cs)),[len(x) for x in qs]))
            yield Support.of_tasks(s.X[sup][None], s.T[cs][None], logit_scale=s.scale, blocks=s.blocks), s.X[np.concatenate(qs)], y
def acc(data, gen, k, n=30, fn=None):
    out=[];
    for sup,Q,y in data.tasks(k,n):
        w=gen.predict(sup) if fn is None else fn(gen,sup)
        out.append(float((classify(Q[None],w)[0].argmax(-1)==y).float().mean()))
    return 100*np.mean(out)
def joint_columns(blocks,n_looks=2):
    per=len(blocks)//n_looks; cols=[];o=0
    for i,w in enumerate(blocks):
        if i%per==0: cols+=list(range(o,o+w))
        o+=w
    return cols, tuple(blocks[0] for _ in range(n_looks))
