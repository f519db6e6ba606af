"""Where the whitening's statistics come from; number of directions; and the trunk."""
import sys; sys.path.insert(0,'/tmp/see')
from lab import *
import torch.nn.functional as F
from w1 import load, acc, g
from metaadapter.features import FrozenEncoder
from PIL import Image, ImageDraw
import pickle, os
def dead_leaves(n,side=224,seed=0):
    out=[]
    for i in range(n):
        r=np.random.default_rng([seed,i]); im=Image.new("RGB",(side,side)); 
        base=r.uniform(0,255,3); spread=r.uniform(10,120)
        dr=ImageDraw.Draw(im)
        for _ in range(int(r.integers(20,400))):
            rad=side*0.5*min(1.0,0.03/ max(1e-3,r.uniform(0.03,1)**1.0)) ; x,y=r.uniform(0,side,2)
            c=tuple(int(v) for v in np.clip(base+spread*r.standard_normal(3),0,255))
            k=r.integers(0,3)
            if k==0: dr.ellipse([x-rad,y-rad*r.uniform(.3,1),x+rad,y+rad*r.uniform(.3,1)],fill=c)
            elif k==1: dr.rectangle([x-rad,y-rad*r.uniform(.3,1),x+rad,y+rad*r.uniform(.3,1)],fill=c)
            else: dr.polygon([tuple(np.array([x,y])+rad*r.standard_normal(2)) for _ in range(3)],fill=c)
        px=np.asarray(im).astype(float)
        if r.random()<.5: px+=r.normal(0,r.uniform(2,25),px.shape)
        im=Image.fromarray(px.clip(0,255).astype(np.uint8))
        from PIL import ImageFilter
        if r.random()<.6: im=im.filter(ImageFilter.GaussianBlur(r.uniform(.3,3)))
        out.append(im)
    return out
if not os.path.exists("/tmp/see/syn.npy"):
    e=FrozenEncoder.load("tiny",blocks=("joint","trunk","stages"),zoom=False)
    np.save("/tmp/see/syn.npy",e.encode_images([np.asarray(x) for x in dead_leaves(400)]))
    from pathlib import Path
    np.save("/tmp/see/demo.npy",e.encode_images(sorted(Path("/tmp/data/clothing10").glob("*/*"))[::8]))
def stages(f): x=torch.from_numpy(np.load(f)); return F.normalize(x[:,512+1280:],dim=1), F.normalize(x[:,512:512+1280],dim=1)
def total(x): m=x.mean(0); c=x-m; return m,c.T@c/len(x)
def whiten(m,S,shrink,keep=None):
    e,V=torch.linalg.eigh(S.double()); e,V=e.flip(0),V.flip(1)
    lam=shrink*e.clamp(min=0).mean()
    A=(V*(e.clamp(min=0)+lam).pow(-.5))
    A=A[:,:keep] if keep else A
    return lambda x:(x-m)@A.float()
T=[load(n) for n in ("caltech101-train","tiny-imagenet-train")]
pop=torch.cat([T[0][1][1],T[1][1][1][::6]])
mp,Sp=total(pop)
popc=T[0][1][1]; mc,Sc=total(popc)
syn,_=stages("/tmp/see/syn.npy"); dem,_=stages("/tmp/see/demo.npy")
print(len(pop),len(syn),len(dem))
for name in sys.argv[1:]:
    d,parts,lab=load(name); base=None
    def go(tag,fn,w):
        global base
        from w1 import build
        X,t,sc,bl=build(d,parts,[w,.7*w],[fn(parts[1]),fn(parts[3])]) if fn else build(d,parts,[],[])
        a=[acc(X,t,sc,bl,d,k) for k in SHOTS]
        if base is None: base=a; print(f"{name:18} {tag:20}",*[f"{x.mean():.1f}" for x in a],flush=True)
        else: print(f"{name:18} {tag:20}",*[f"{(x-b).mean():+.1f}" for x,b in zip(a,base)],flush=True)
    go("joint",None,0)
    for w in (.5,.8,1.1): go(f"pop .05 {w}",whiten(mp,Sp,.05),w)
    go("pop .01 .8",whiten(mp,Sp,.01),.8)
    go("pop .3 .8",whiten(mp,Sp,.3),.8)
    go("caltech .05 .8",whiten(mc,Sc,.05),.8)
    go("pop .05 .8 d256",whiten(mp,Sp,.05,256),.8)
    go("pop .05 .8 d128",whiten(mp,Sp,.05,128),.8)
    go("syn .05 .8",whiten(*total(syn),.05),.8)
    go("syn .3 .8",whiten(*total(syn),.3),.8)
    go("demo .05 .8",whiten(*total(dem),.05),.8)
    go("demo .3 .8",whiten(*total(dem),.3),.8)
