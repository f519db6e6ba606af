import torch, time, copy
from torch import nn
from metaadapter.features.open_clip_model import build_model, resolve_encoder
from concurrent.futures import ThreadPoolExecutor
m=build_model(resolve_encoder("tiny")); vis=m.network.visual.eval().requires_grad_(False)
trunk=vis.trunk.to(memory_format=torch.channels_last)
def fold(model):
    model=copy.deepcopy(model)
    from timm.layers import BatchNormAct2d
    def rec(mod):
        names=list(mod._modules.items())
        for (n1,a),(n2,b) in zip(names,names[1:]):
            pass
        prev=None
        for n,c in names:
            if isinstance(c,BatchNormAct2d) and isinstance(prev[1],nn.Conv2d):
                bn=nn.BatchNorm2d(c.num_features,eps=c.eps); bn.load_state_dict({k:v for k,v in c.state_dict().items()},strict=False); bn.eval()
                f=torch.nn.utils.fusion.fuse_conv_bn_eval(prev[1],bn)
                setattr(mod,prev[0],f); setattr(mod,n,nn.Sequential(c.drop,c.act) if False else c.act)
            rec(c); prev=(n,c)
    rec(model); return model
f=fold(trunk).eval().requires_grad_(False).to(memory_format=torch.channels_last)
x=torch.randn(16,3,224,224).to(memory_format=torch.channels_last)
with torch.inference_mode():
    print((trunk(x)-f(x)).abs().max(), trunk(x).abs().max())
    ts=torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(trunk,x)))
    print((trunk(x)-ts(x)).abs().max())
def rate(fn,threads=2,n=8,bs=16):
    torch.set_num_threads(1 if threads==2 else 2)
    xs=[torch.randn(bs,3,224,224).to(memory_format=torch.channels_last) for _ in range(n)]
    def go(x):
        torch.set_num_threads(1)
        with torch.inference_mode(): return fn(x)
    with ThreadPoolExecutor(2) as ex:
        list(ex.map(go,xs[:2])); t=time.time(); list(ex.map(go,xs)); return n*bs/(time.time()-t)
for _ in range(2):
    for tag,fn in dict(plain=trunk,folded=f,frozen=ts).items(): print(tag, f"{rate(fn):.0f}/s", f"bs32 {rate(fn,bs=32,n=4):.0f}", f"bs8 {rate(fn,bs=8,n=16):.0f} bs4 {rate(fn,bs=4,n=32):.0f}", flush=True)
