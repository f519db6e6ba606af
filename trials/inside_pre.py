"""Cache maps after blocks.3 of tiny: clean looks of all pictures, and augmented pairs of looks."""
# A trial as it was run: not of the quality of the library. PICTURES is the folder of the sets, MAPS
# where cached maps lie (inside_pre.py writes them), STORES the feature stores of the sets.
import os
from pathlib import Path
PICTURES, MAPS, STORES = (Path(os.environ.get(n, ".")) for n in ("PICTURES", "MAPS", "STORES"))
import sys, time, random
from pathlib import Path
import numpy as np, torch
from PIL import Image, ImageOps, ImageFilter
from metaadapter import FrozenEncoder
from metaadapter.features.views import view_pixels
torch.set_num_threads(1)
enc = FrozenEncoder.load("tiny")
T = enc._network.visual.trunk
def front(px):
    with torch.inference_mode():
        x = px.to(memory_format=torch.channels_last)
        x = T.bn1(T.conv_stem(x)) if hasattr(T,'bn1') else T.conv_stem(x)
        st=[]
        for i in range(4):
            x = T.blocks[i](x)
            if i in EARLY:
                f=x.flatten(2).float(); st += [f.mean(2), f.std(2, correction=0)]
        return x.half().clone(), torch.cat(st,1) if st else torch.zeros(len(x),0)
from metaadapter.features.blocks import _stages
idx=_stages(len(T.feature_info)); print([ (f['num_chs'],f['module'],f.get('stage')) for f in T.feature_info], idx, T.stage_ends if hasattr(T,'stage_ends') else None)
ends=[int(f['module'].split('.')[1]) for f in T.feature_info]
EARLY=[ends[i] for i in idx if ends[i]<4]
print('early', EARLY, 'all', [ends[i] for i in idx])
def edges(p): return ImageOps.invert(p.convert('L').filter(ImageFilter.FIND_EDGES).filter(ImageFilter.GaussianBlur(1))).convert('RGB')
def noise(p):
    a=np.asarray(p).astype(float); r=np.random.default_rng(a.shape[0]*7+a.shape[1]); return Image.fromarray(np.clip(a+r.normal(0,40,a.shape),0,255).astype(np.uint8))
CH={'clean':lambda p:p,'grey':lambda p:p.convert('L').convert('RGB'),'edges':edges,'noise':noise}
def run(name, classes, per, n_aug, change='clean', out=None):
    t=time.time()
    root=PICTURES/name
    cl=sorted(d.name for d in root.iterdir() if d.is_dir())
    if classes: cl=sorted(random.Random(0).sample(cl,min(classes,len(cl))))
    M,S,y,paths=[],[],[],[]
    for c,l in enumerate(cl):
        fs=sorted((root/l).iterdir()); fs=random.Random(l).sample(fs,min(per,len(fs)))
        for f in fs:
            p=CH[change](ImageOps.exif_transpose(Image.open(f)).convert('RGB'))
            px=view_pixels(p,enc.look,1+n_aug,0).flatten(0,1)
            m,s=front(px); M.append(m); S.append(s); y.append(c); paths.append(str(f))
    M=torch.stack(M);S=torch.stack(S)
    texts=torch.from_numpy(enc.encode_texts([l.split(' ',1)[-1].replace('_',' ').replace('-',' ') if not l.startswith('n0') else l.split('-',1)[-1].replace('_',' ') for l in cl]))
    torch.save(dict(maps=M,early=S,y=torch.tensor(y),paths=paths,classes=cl,texts=texts,n_aug=n_aug),out or f'{MAPS}/{name}.{change}.pt')
    print(name,change,M.shape,round(time.time()-t,1),'s',flush=True)
if __name__=='__main__':
    for job in sys.argv[1:]:
        name,classes,per,aug,*ch=job.split(':')
        run(name,int(classes),int(per),int(aug),ch[0] if ch else 'clean')
