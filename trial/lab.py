import os, sys, time, math, json
import numpy as np, torch
from torch.nn.functional import normalize
from metaadapter import FrozenEncoder, FeatureStore
from metaadapter.features.prompts import readable_name
from metaadapter.adapter import Support, classify
from metaadapter.generator import shared_generator
torch.set_num_threads(1)
ENC=FrozenEncoder.load("tiny")
NET=ENC._network; T=NET.text
GEN,_=shared_generator("default")
for p in GEN.parameters(): p.requires_grad_(False)
VAL=["clothing10.large","caltech101-val","trashnet6.large","tiny-imagenet-val","cifar10"]
SC=ENC.logit_scale
EMB=T.token_embedding.weight.detach()

def tower(x, eot):   # x (n,L,w) embeddings, eot (n,)
    L=x.shape[1]
    h=T.transformer(x+T.positional_embedding[:L], attn_mask=T.attn_mask[:L,:L])
    h=T.ln_final(h)
    h=h[torch.arange(len(h)),eot]
    h=h@T.text_projection if not isinstance(T.text_projection, torch.nn.Linear) else T.text_projection(h)
    return normalize(h,dim=-1)

def toks(sentences):
    t=ENC._tokenize(sentences); eot=t.argmax(-1); return t[:,:int(eot.max())+1], eot

def plain(sentences):
    t,e=toks(sentences)
    with torch.no_grad(): return tower(EMB[t],e)

class Prompt:
    """names -> (n,512) given ctx (N,w) or (n,N,w)"""
    def __init__(self,names,n_ctx,tail="."):
        self.t,self.e=toks([" ".join(["x"]*n_ctx)+" "+n+tail for n in names]); self.n=n_ctx
        self.x=EMB[self.t]
    def __call__(self,ctx):
        if ctx.ndim==2: ctx=ctx.expand(len(self.x),*ctx.shape)
        return tower(torch.cat([self.x[:,:1],ctx,self.x[:,1+self.n:]],1),self.e)

def init_ctx(words):
    t,e=toks([words]); return EMB[t[0,1:int(e[0])]].clone()

LEN=None
def wide(t):  # torch version of as_wide_as_pictures
    import metaadapter.features.looks as lk
    w=torch.tensor([1.0,lk.ZOOM_WEIGHT]); w=w/w.norm()
    z=torch.zeros(*t.shape[:-1],992)
    look=torch.cat([t,z],-1)
    return torch.cat([look*w[0],look*w[1]],-1)

class Data:
    def __init__(self,name):
        s=FeatureStore.open(os.environ["STORES"]+"/"+name)
        self.store=s
        from metaadapter.features import read_store
        p=read_store(s)
        self.X=normalize(torch.from_numpy(np.asarray(p.features)).float(),dim=-1)
        self.labels=np.array(p.labels); self.classes=sorted(set(p.labels))
        self.names=[readable_name(c) for c in self.classes]
        self.y=torch.tensor([self.classes.index(l) for l in p.labels])
        self.scale=s.logit_scale; self.blocks=s.blocks
        self.hand=torch.from_numpy(ENC.encode_texts(self.names))  # wide
    def split(self,seed,K,Q=10):
        g=np.random.default_rng([seed,7])
        order=g.permutation(len(self.classes)); nb=(len(order)+1)//2
        base,new=sorted(order[:nb]),sorted(order[nb:])
        sup,qb,qn=[],[],[]
        for c in base:
            r=g.permutation(np.flatnonzero(self.y.numpy()==c)); sup.append(r[:K]); qb.append(r[K:][:Q] if K+Q<=len(r) else r[K:])
        for c in new:
            r=g.permutation(np.flatnonzero(self.y.numpy()==c)); qn.append(r[:Q])
        cat=lambda l: torch.from_numpy(np.concatenate(l))
        return base,new,cat(sup),cat(qb),cat(qn)

def hm(a,b): return 2*a*b/(a+b) if a+b else 0.
def support(d,classes,rows,text):
    cl=torch.tensor(classes); lab=torch.tensor([classes.index(int(c)) for c in d.y[rows]],dtype=torch.long)
    return Support.of_rows(d.X[rows],lab,text,logit_scale=d.scale,blocks=d.blocks)
def acc(logits,y,cols): return (torch.tensor(cols)[logits[:,].argmax(-1)]==y).float().mean().item()
