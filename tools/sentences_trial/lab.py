import numpy as np, torch, sys
from pathlib import Path
from dataclasses import replace
from metaadapter.features import FrozenEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.features.open_clip_model import build_model, resolve_encoder
from metaadapter.adapter import Support, classify
from metaadapter.generator import Generator
from metaadapter.generator import load_generator
from episodes import TaskSource
from tools.store_tasks import StoreTasks
torch.set_num_threads(1)
def unit(x): return x/np.maximum(np.linalg.norm(x,axis=-1,keepdims=True),1e-9)
_m=build_model(resolve_encoder("tiny")); P=_m.network.visual.head.proj.weight.detach().float().numpy(); B=_m.network.visual.head.proj.bias.detach().float().numpy()
enc=FrozenEncoder.load("tiny",device="cpu",zoom=False)
MEAN=np.load("/tmp/see/raw/caltech101-train.npz") if Path("/tmp/see/raw/caltech101-train.npz").exists() else None
class Raw:
    def __init__(s,name):
        z=np.load(f"/tmp/see/raw/{name}.npz"); s.name=name
        s.pooled=z["pooled"].astype(np.float32); s.stages=z["stages"].astype(np.float32)
        s.labels=z["labels"]; s.classes=sorted(set(s.labels)); s.y=np.searchsorted(s.classes,s.labels)
        s.sizes=z["sizes"]
        s.joint=unit(s.pooled@P.T+B)   # n,V,512
        s.text=enc.encode_texts([readable_name(c) for c in s.classes])
def source(r,X,text=None):
    text=r.text if text is None else text
    if X.shape[1]>text.shape[1]: text=np.concatenate([text,np.zeros((len(text),X.shape[1]-text.shape[1]),np.float32)],1)
    return TaskSource(name=r.name,features_nVD=torch.from_numpy(np.ascontiguousarray(X,dtype=np.float32))[:,None],labels_n=torch.from_numpy(r.y),text_CD=torch.from_numpy(text.astype(np.float32)),logit_scale=enc.logit_scale)
def acc(r,X,gen,n=30,scale=None,text=None):
    src=source(r,X,text)
    if scale: src=replace(src,logit_scale=src.logit_scale*scale)
    t=StoreTasks.draw(src,n)
    return [t.accuracy_T(gen,k).mean() for k in t.shots]
def ece(r,X,gen,n=30):
    src=source(r,X); t=StoreTasks.draw(src,n); out=[]
    for k in t.shots:
        cs,os=[],[]
        for b in t.batches(k):
            p=classify(b.query_TQD,gen(Support.of_batch(b,src.logit_scale))).softmax(-1)
            c,a=p.max(-1); cs.append(c.detach().flatten()); os.append((a==b.query_labels_TQ).flatten().float())
        c,o=torch.cat(cs),torch.cat(os); e=0
        for lo in np.arange(0,1,1/15):
            m=(c>lo)&(c<=lo+1/15)
            if m.any(): e+=(m.float().mean()*(c[m].mean()-o[m].mean()).abs()).item()
        out.append(100*e)
    return out
fmt=lambda v:" ".join(f"{x:5.1f}" for x in v)
shipped=load_generator("default").predict
closed=Generator().eval().predict
