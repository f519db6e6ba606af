import sys; sys.path.insert(0,'/tmp/see')
from lab import *
from metaadapter.features import FrozenEncoder
from metaadapter.features.looks import look_at
from metaadapter.images.decode import decode_image
from concurrent.futures import ThreadPoolExecutor
e=FrozenEncoder.load("tiny",blocks=("joint",)); tr=e._network.visual.trunk
def feats(x):
    out={}
    def add(n,m):
        f=m.flatten(2); out[n+".mean"]=f.mean(2); out[n+".std"]=f.std(2,correction=0); out[n+".max"]=f.amax(2)
    with torch.inference_mode():
        x=tr.bn1(tr.conv_stem(x)); add("b0",x)
        for i,b in enumerate(tr.blocks,1):
            x=b(x); add(f"b{i}",x)
            if i in (5,7): out[f"b{i}.grid"]=torch.nn.functional.adaptive_avg_pool2d(x,2).flatten(1)
            if i==5:
                g=torch.einsum("nchw,dc->ndhw",x,R); out["b5.ran"]=g.relu().mean((2,3))
            if i==7:
                g=torch.einsum("nchw,dc->ndhw",x,R7); out["b7.ran"]=g.relu().mean((2,3))
        x=tr.bn2(tr.conv_head(x)); add("h",x)
    return out
R=torch.randn(512,112,generator=torch.Generator().manual_seed(0))/112**.5; R7=torch.randn(512,320,generator=torch.Generator().manual_seed(1))/320**.5
for name in sys.argv[1:]:
    st=FeatureStore.open(f"/tmp/stores/{name}"); ps=[p for p,v in zip(st.rows.path,st.rows.view) if v==0]
    torch.set_num_threads(1)
    def one(chunk):
        L=[look_at(decode_image(Path(p)),e.preprocess,True) for p in chunk]
        f=feats(torch.cat(L).to(memory_format=torch.channels_last)); return {k:v.reshape(len(chunk),2,-1).half() for k,v in f.items()}
    with ThreadPoolExecutor(2) as ex: R_=list(ex.map(one,[ps[i:i+2] for i in range(0,len(ps),2)]))
    torch.save({k:torch.cat([r[k] for r in R_]) for k in R_[0]},f"/tmp/see/rich-{name}.pt"); print(name,len(ps),flush=True)
