# ruff: noqa
import os, sys, numpy as np, torch
torch.set_num_threads(1)
from metaadapter.evaluation.store_sets import set_of_store
from metaadapter.adapter import Support, classify
from metaadapter.generator import shared_generator
from episodes import nested_draws
from torch.nn.functional import normalize
from sklearn.metrics import roc_auc_score
ST=os.environ["STORES"] + "/"
VAL=["caltech101-val","tiny-imagenet-val","cifar10","clothing10.large","camtrap-us"]
TRAIN=["tiny-imagenet-train","caltech101-train","emoji-google","omniglot56","trashnet6.large","pacs-photo.large","pacs-cartoon.large"]
_c={}
def get(n):
    if n not in _c: _c[n]=set_of_store(ST+n)
    return _c[n]
def tasks(name, far, shots=(1,4,16), n_tasks=40, ways=10, nq=10, noff=60, nfar=60, seed=0):
    """yields per task: dict(support per K, text, known rows+way, near rows, far rows+source)"""
    d=get(name); C=len(d.classes)
    ways=min(ways, max(2,C-2))
    rows=nested_draws(d.index, shots, nq, n_tasks, ways, seed)
    rng=np.random.default_rng(seed+77)
    lab=d.labels_n
    for t in range(n_tasks):
        cl=rows.classes_TN[t]; 
        near=np.nonzero(~np.isin(lab,cl.numpy())&(lab>=0))[0]
        near=rng.permutation(near)[:noff]
        q=rows.query_TNQ[t]; way=torch.arange(len(cl))[:,None].expand_as(q)
        keep=q>=0
        fr=[];fs=[]
        per=max(1,nfar//len(far))
        for i,f in enumerate(far):
            e=get(f); ok=np.nonzero(e.labels_n>=0)[0]
            pick=torch.from_numpy(rng.permutation(ok)[:per])
            fr.append(e.look_up(pick)); fs+= [i]*per
        yield dict(cl=cl, sup=d.look_up(rows.support_TNK[t]), text=d.text_CD[cl], known=d.look_up(q[keep]), way=way[keep],
                   near=d.look_up(torch.from_numpy(near)), far=torch.cat(fr), blocks=d.blocks, scale=d.logit_scale)
def auroc(k,s): return 100*roc_auc_score(np.r_[np.ones(len(k)),np.zeros(len(s))], np.r_[k,s])
