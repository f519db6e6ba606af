import sys; sys.path.insert(0,'/tmp/see')
from lab import *
import metaadapter.generator.blocks as B, metaadapter.generator.generator as GG
from metaadapter.generator import Generator
g=Generator()
orig=B.log_lengths
def with_extra(extra):
    def f(s):
        w=orig(s)
        if w.shape[1]==4: w=w+torch.tensor([0,extra,0,extra])
        return w
    return f
import functools
def acc(data, gen, k, n=40):
    out=[]
    for sup,Q,y in data.tasks(k,n,q=40):
        out.append(float((classify(Q[None],gen.predict(sup))[0].argmax(-1)==y).float().mean()))
    return np.array(out)*100
for name in sys.argv[1:]:
    d=Data(f"/tmp/stores/{name}"); cols,bl=joint_columns(d.blocks); dj=Data(f"/tmp/stores/{name}",cols,bl)
    GG.log_lengths=orig
    base=[acc(dj,g,k) for k in SHOTS]
    print(f"{name:20} joint   ",*[f"{b.mean():.1f}" for b in base],flush=True)
    for e in (0,):
        GG.log_lengths=with_extra(e)
        a=[acc(d,g,k) for k in SHOTS]
        print(f"{name:20} x{np.exp(e)*.5:.2f}",*[f"{(x-b).mean():+.1f}±{1.96*(x-b).std()/40**.5:.1f}" for x,b in zip(a,base)],flush=True)
