from tools.trials.steps_tasks import *
from torch.nn.utils.rnn import pad_sequence
SHIFT=[("pacs-photo.large","pacs-cartoon.large"),("pacs-cartoon.large","pacs-photo.large"),
 ("caltech101-val","caltech101-val.edges"),("caltech101-val.edges","caltech101-val"),
 ("caltech101-val","caltech101-val.gray40"),("caltech101-val.gray40","caltech101-val"),
 ("clothing10.large","clothing10.large.edges"),("clothing10.large.edges","clothing10.large")]
SAME=[(a,a) for a in ("caltech101-val","tiny-imagenet-val","cifar10","clothing10.large")]
def shots_of(a,b): return (1,4,10) if "caltech" in a or a.startswith("test-") else (1,4,16)
def batch(a,b,part=1.0,n_tasks=25,seed=5,n_query=15):
    ts=list(tasks(a,b,7,shots_of(a,b),n_query=n_query,pool=100,n_tasks=n_tasks,part=part,seed=seed))
    pool=pad_sequence([t["pool"] for t in ts],batch_first=True)
    pm=torch.arange(pool.shape[1])<torch.tensor([len(t["pool"]) for t in ts])[:,None]
    q=pad_sequence([t["q"] for t in ts],batch_first=True)
    y=pad_sequence([t["y"] for t in ts],batch_first=True,padding_value=-1)
    return dict(sup=torch.stack([t["sup"] for t in ts]),text=torch.stack([t["text"] for t in ts]),pool=pool,pm=pm,q=q,y=y,blocks=ts[0]["blocks"],scale=ts[0]["scale"])
def sup_of(b,k,pool=True):
    s=Support.of_tasks(b["sup"][:,:,:k].contiguous(),b["text"],logit_scale=b["scale"],blocks=tuple(b["blocks"]))
    return replace(s,pool_TUD=b["pool"],pool_mask_TU=b["pm"]) if pool else s
def accs(logits,y):
    ok=(logits.argmax(-1)==y)&(y>=0); return 100*ok.sum(1)/(y>=0).sum(1)
def labelled(s, rows_TRD, labels_TR):
    """support with extra rows with hard labels (-1 none)"""
    T,N=s.text_TND.shape[:2]
    out=[];mk=[]
    for t in range(T):
        byc=[torch.cat([s.support_TNKD[t,c][s.support_mask_TNK[t,c]],rows_TRD[t][labels_TR[t]==c]]) for c in range(N)]
        p=pad_sequence(byc,batch_first=True); out.append(p); mk.append(torch.arange(p.shape[1])<torch.tensor([len(x) for x in byc])[:,None])
    K=max(p.shape[1] for p in out)
    F=torch.nn.functional.pad
    sup=torch.stack([F(p,(0,0,0,K-p.shape[1])) for p in out]); m=torch.stack([F(x,(0,K-x.shape[1])) for x in mk])
    return replace(s,support_TNKD=sup,support_mask_TNK=m)
