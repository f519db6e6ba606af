import torch
def conf_labels(l,pm,frac):
    p=l.softmax(-1); c,y=p.max(-1); c=c.masked_fill(~pm,-1); y=y.masked_fill(~pm,-1)
    keep=torch.zeros_like(pm)
    for t in range(len(y)):
        for k in range(l.shape[-1]):
            i=(y[t]==k).nonzero()[:,0]
            if len(i): keep[t,i[c[t,i].argsort(descending=True)[:max(1,round(frac*len(i)))]]]=True
    return y.masked_fill(~keep,-1)
