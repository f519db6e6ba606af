"""Bottlenecks in the text tower alone: gain over the prediction, frozen picture features from stores."""
# A trial as it was run: not of the quality of the library. PICTURES is the folder of the sets, MAPS
# where cached maps lie (inside_pre.py writes them), STORES the feature stores of the sets.
import os
from pathlib import Path
PICTURES, MAPS, STORES = (Path(os.environ.get(n, ".")) for n in ("PICTURES", "MAPS", "STORES"))
import sys, time, numpy as np, torch
from torch.nn.functional import cross_entropy, normalize
from pathlib import Path
from dataclasses import replace
torch.set_num_threads(1)
from metaadapter import FrozenEncoder
from metaadapter.adapter import Support, classify
from metaadapter.features import FeatureStore, read_store, readable_name
from metaadapter.features.prompts import fill_template
from metaadapter.generator import load_generator
from metaadapter.towers import find_places, insert_bottlenecks
from metaadapter.tuning.left_out_heads import folds
enc=FrozenEncoder.load('tiny'); gen=load_generator('default')
for p in gen.parameters(): p.requires_grad_(False)
def wide(t):  # (n, joint) -> rows as wide as pictures, differentiable
    w=enc.as_wide_as_pictures(np.ones((1,t.shape[1]),np.float32)); w=torch.from_numpy(w)[0]
    L=sum(enc.look_blocks.values()); pad=torch.nn.functional.pad(t,(0,L-t.shape[1])); both=torch.cat([pad,pad],1)
    return both*w
def run(store,shots,seed,lr=1e-3,steps=40,ways=20,nq=30):
    st=read_store(FeatureStore.open(Path(store))); y=np.array(st.labels); cl=sorted(set(y)); rng=np.random.default_rng(seed); cl=sorted(rng.permutation(cl)[:ways].tolist())
    S,Q,sy,qy=[],[],[],[]
    for c,l in enumerate(cl):
        ids=np.random.default_rng([seed,c]).permutation(np.flatnonzero(y==l)); S+=ids[:shots].tolist(); sy+=[c]*shots; q=ids[16:16+nq].tolist(); Q+=q; qy+=[c]*len(q)
    X=torch.from_numpy(st.features[S]).double(); X=X/X.norm(dim=1,keepdim=True); XQ=torch.from_numpy(st.features[Q]).double(); XQ=XQ/XQ.norm(dim=1,keepdim=True)
    sy,qy=torch.tensor(sy),torch.tensor(qy); names=[readable_name(c) for c in cl]
    nets=[]
    ad=enc.adapted(nets.append,'t'); net=nets[0]
    places=[p for p in find_places(net) if p.tower=='text']
    ins=insert_bottlenecks(net,places,hidden=64,seed=seed); params=[p for m in ins.values() for p in m.parameters()]
    tok=ad._tokenize([fill_template(t,n) for n in names for t in enc.templates])
    def text():
        f=normalize(net.encode_text(tok).float(),dim=-1).reshape(len(names),len(enc.templates),-1).mean(1); return wide(normalize(f,dim=-1)).double()
    with torch.no_grad(): t0=text(); assert torch.allclose(t0.float(),torch.from_numpy(enc.encode_texts(names)),atol=1e-5)
    def sup(t): return Support.of_rows(X,sy,t,logit_scale=enc.logit_scale,blocks=enc.blocks)
    def acc(t):
        w=gen.predict(sup(t)).task(0); lg=classify(XQ,w); return 100*(lg.argmax(1)==qy).double().mean().item(), cross_entropy(lg,qy).item()
    a0=acc(t0); K=min(4,shots); fold=folds(sy,K)
    opt=torch.optim.AdamW(params,lr=lr,weight_decay=.05); out=[]
    fk=fold.reshape(len(cl),shots)
    for step in range(steps):
        for gr in opt.param_groups: gr['lr']=lr*min(1,(step+1)/4)*(0.5*(1+np.cos(np.pi*step/steps)))
        t=text(); s=sup(t).repeated(K).kept(torch.stack([fk!=k for k in range(K)])).to(dtype=torch.float32)
        w=gen(s); lg=classify(X.float().expand(K,-1,-1),w)[fold,torch.arange(len(sy))]; loss=cross_entropy(lg,sy)
        opt.zero_grad(); loss.backward(); opt.step()
        if step in (0,steps//2): out.append(round(loss.item(),4))
    with torch.no_grad(): a1=acc(text())
    return a0,a1,out+[round(loss.item(),4)]
for a in sys.argv[1:]:
    store,shots,lr=a.split(':'); r=[];c=time.process_time()
    for seed in range(3): r.append(run(str(STORES/store),int(shots),seed,lr=float(lr)))
    print(store,shots,lr,'G0 %.2f/%.3f'%tuple(np.mean([x[0] for x in r],0)),'text %+.2f/%+.3f'%tuple(np.mean([np.subtract(x[1],x[0]) for x in r],0)),r[0][2],'%.0fs'%((time.process_time()-c)/3),flush=True)
