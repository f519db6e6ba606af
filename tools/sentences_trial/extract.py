"""Raw features: views centre, zoom 70 %, mirror at 224; pooled (n,3,1280) and stage stats (n,3,992)."""
import sys, numpy as np, torch, time
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from PIL import ImageOps
from metaadapter.features.open_clip_model import build_model, resolve_encoder
from metaadapter.images import read_images, decode_image
torch.set_num_threads(1)
model = build_model(resolve_encoder("tiny")); vis = model.network.visual.eval().requires_grad_(False)
trunk = vis.trunk.to(memory_format=torch.channels_last)
STAGES = (1, 2, 4, 6)
def views(p):
    w, h = p.size; cw, ch = round(w*.7), round(h*.7)
    # the zoom is on the middle 70 % of the centre square
    s = min(w, h); c = round(s*.7); l, t = (w-c)//2, (h-c)//2
    return torch.stack([model.preprocess(p), model.preprocess(p.crop((l, t, l+c, t+c))), model.preprocess(ImageOps.mirror(p))])
def forward(x):
    with torch.inference_mode():
        x = x.to(memory_format=torch.channels_last)
        x = trunk.bn1(trunk.conv_stem(x)) if not hasattr(trunk,'act1') else trunk.act1(trunk.bn1(trunk.conv_stem(x)))
        st = []
        for i, b in enumerate(trunk.blocks):
            x = b(x)
            if i in STAGES: st += [x.mean((2,3)), x.flatten(2).std(-1)]
        x = trunk.bn2(trunk.conv_head(x))
        return x.mean((2,3)), torch.cat(st, 1)
def one(batch):
    pix = torch.cat([views(decode_image(r.path)) for r in batch])
    a, b = forward(pix); n = len(batch)
    return a.reshape(n,-1,a.shape[1]).half().numpy(), b.reshape(n,-1,b.shape[1]).half().numpy()
for name in sys.argv[1:]:
    out = Path(f"/tmp/see/raw/{name}.npz")
    if out.exists(): continue
    t=time.time(); rows = list(read_images(Path(f"/tmp/data/{name}")).rows)
    if name in ("tiny-imagenet-val",): rows = rows[::2]
    if name=="tiny-imagenet-train": rows=rows[::3]
    batches = [rows[i:i+8] for i in range(0, len(rows), 8)]
    with ThreadPoolExecutor(2) as ex: res = list(ex.map(one, batches))
    sizes = np.array([decode_image(r.path).size for r in rows])
    np.savez(out, pooled=np.concatenate([r[0] for r in res]), stages=np.concatenate([r[1] for r in res]), labels=np.array([r.label for r in rows]), sizes=sizes)
    print(name, len(rows), f"{time.time()-t:.0f}s", flush=True)
