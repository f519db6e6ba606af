# A trial as it was run: not of the quality of the library. PICTURES is the folder of the sets, MAPS
# where cached maps lie (inside_pre.py writes them), STORES the feature stores of the sets.
import os
from pathlib import Path
PICTURES, MAPS, STORES = (Path(os.environ.get(n, ".")) for n in ("PICTURES", "MAPS", "STORES"))
import sys, time, json, copy, argparse, random
import numpy as np, torch
from torch import nn
from torch.nn.functional import normalize, cross_entropy, log_softmax, gelu
from metaadapter import FrozenEncoder
from metaadapter.adapter import Support, classify
from metaadapter.generator import load_generator
from metaadapter.features.blocks import join_blocks
torch.set_num_threads(1)
enc=FrozenEncoder.load('tiny'); gen=load_generator('default'); 
for p in gen.parameters(): p.requires_grad_(False)
V=enc._network.visual; T=V.trunk
BL=tuple(enc.look_blocks.values())
ZW=torch.tensor([1,.7]); ZW=ZW/ZW.norm()
def stat(m):
    f=m.flatten(2).float(); return [f.mean(2), f.std(2,correction=0)]
LAM=[1.0]
class Bott(nn.Module):
    def __init__(s,w,r):
        super().__init__(); s.down=nn.Conv2d(w,r,1); s.up=nn.Conv2d(r,w,1,bias=True); nn.init.zeros_(s.up.weight); nn.init.zeros_(s.up.bias)
        nn.init.kaiming_normal_(s.down.weight, nonlinearity='linear'); nn.init.zeros_(s.down.bias)
    def forward(s,x): return x+LAM[0]*s.up(gelu(s.down(x)))
class Lora(nn.Module):
    def __init__(s,conv,r,alpha):
        super().__init__(); s.conv=conv; s.r=r; s.scale=alpha/r
        s.a=nn.Conv2d(conv.in_channels,r,1,bias=False); s.b=nn.Conv2d(r,conv.out_channels,1,bias=False)
        nn.init.zeros_(s.b.weight); nn.init.kaiming_uniform_(s.a.weight,a=5**.5)
    def forward(s,x): return s.conv(x)+LAM[0]*s.scale*s.b(s.a(x))
class Tail(nn.Module):
    def __init__(s,a):
        super().__init__()
        blocks=copy.deepcopy(T.blocks[4:]); s.conv_head=copy.deepcopy(T.conv_head); s.bn2=T.bn2; s.head=copy.deepcopy(V.head)
        for p in [*blocks.parameters(),*s.conv_head.parameters(),*s.head.parameters()]: p.requires_grad_(False)
        s.blocks=blocks; s.full=[]
        s.places=nn.ModuleDict()
        if a.kind=='bottleneck':
            w={4:112,5:192,6:320}
            for st in a.stages:
                for i in range(len(blocks[st-4])):
                    if a.perblock or i==len(blocks[st-4])-1: s.places[f'{st}_{i}']=Bott(w[st],a.size)
        elif a.kind=='lora':
            for st in a.stages:
                for m in list(blocks[st-4].modules()):
                    for n,c in list(m.named_children()):
                        if isinstance(c,nn.Conv2d) and c.kernel_size==(1,1): setattr(m,n,Lora(c,a.size,a.alpha))
            if a.headlora: s.conv_head=Lora(s.conv_head,a.size,a.alpha)
        elif a.kind=='full':
            for st in a.stages:
                for p in blocks[st-4].parameters(): p.requires_grad_(True)
            for p in [*s.conv_head.parameters(),*s.head.parameters()]: p.requires_grad_(True)
    def forward(s,x,early):
        st=[early]
        for k,blk in enumerate(s.blocks):
            for i,b in enumerate(blk):
                x=b(x); key=f'{4+k}_{i}'
                if key in s.places: x=s.places[key](x)
            if k in (0,2): st+=stat(x)
        f=s.bn2(s.conv_head(x)); joint=s.head(T.forward_head(f))
        return join_blocks({'joint':joint,'stages':enc._whitening['stages'](torch.cat(st,1))},enc._lengths)
def rows(tail,maps,early):
    """(n,2,...) maps of two looks -> (n,D)"""
    n=len(maps); x=maps.flatten(0,1).float().contiguous(memory_format=torch.channels_last)
    f=tail(x,early.flatten(0,1)).reshape(n,2,-1)
    return (f*ZW[None,:,None]).flatten(1)
def encode(tail,maps,early,bs=32):
    with torch.no_grad(): return torch.cat([rows(tail,maps[i:i+bs],early[i:i+bs]) for i in range(0,len(maps),bs)])
def names(cl): return [' '.join(c.split(' ')[1:]) if c[0]=='n' and c[1:9].isdigit() else c for c in cl]
def load(n):
    d=torch.load(f'{MAPS}/{n}.pt'); t=torch.from_numpy(enc.encode_texts([c.replace('_',' ') for c in names(d['classes'])])); 
    d['texts']=t if t.shape[1]==2*sum(BL) else None; return d
def mk(rows_,y,texts,blocks=BL*2):
    return Support.of_rows(rows_,y,texts,logit_scale=enc.logit_scale,blocks=blocks)
def predict(rows_,y,texts,blocks=BL*2):
    o=y.argsort(stable=True); return gen.predict(mk(rows_[o].double(),y[o],texts.double(),blocks)).task(0)
def run(d,seed,shots,a,queries=None,log=print):
    t0=time.time(); rng=np.random.default_rng([seed,shots and 7]); y=d['y']; N=len(d['classes'])
    sup,qry=[],[]
    for c in range(N):
        ids=np.random.default_rng([seed,c]).permutation(np.flatnonzero((y==c).numpy())); sup+=ids[:shots].tolist(); qry+=ids[16:16+a.nq].tolist()
    q=queries or d
    sm,se,sy=d['maps'][sup],d['early'][sup],y[sup]; 
    texts=d['texts'].float()
    qids=torch.tensor(qry); qy=y[qids]
    torch.manual_seed(seed); tail=Tail(a); params=[p for p in tail.parameters() if p.requires_grad]
    def enc_all(): return encode(tail,sm[:,:2],se[:,:2])
    F0=enc_all(); Q0=encode(tail,q['maps'][qids][:,:2],q['early'][qids][:,:2]); W0=predict(F0,sy,texts)
    L0=classify(Q0.double(),W0).log_softmax(-1)
    SH={n:load(n) for n in a.shifts.split(',')} if a.shifts else {}; S0={}; qs0={n:encode(tail,d_['maps'][qids][:,:2],d_['early'][qids][:,:2]).double() for n,d_ in SH.items()}
    # folds
    pos=torch.zeros(len(sy),dtype=torch.long)
    for c in range(N):
        ids=(sy==c).nonzero()[:,0]; pos[ids]=torch.arange(len(ids))
    K=min(a.folds,shots); fold=pos%K
    held=torch.zeros(len(sy),dtype=torch.bool)
    if a.heldout: held=fold==K-1
    tr=(~held).nonzero()[:,0]
    ema=None
    opt=torch.optim.AdamW(params,lr=a.lr,weight_decay=a.wd); g=torch.Generator().manual_seed(seed)
    nv=d['n_aug']+1; 
    frozen_texts=texts
    if a.obj=='ce':
        W=predict(F0[tr],sy[tr],texts); 
    hist=[]; order=[]
    Wfull0=W0.to(dtype=torch.float32)
    heads=None
    steps=a.steps; best=None
    tenc=0
    for step in range(steps+1):
        if step in a.check or step==steps:
            te=time.time()
            tail.eval()
            FA=enc_all(); QA=encode(tail,q['maps'][qids][:,:2],q['early'][qids][:,:2])
            r={}
            r['G0']=L0
            WA=predict(FA,sy,texts); r['GA']=classify(QA.double(),WA).log_softmax(-1)
            r['AV']=(L0.exp()/2+r['GA'].exp()/2).log()
            if a.obj in('ce',) : r['H']=classify(QA,head(Wtr)).double().log_softmax(-1) if step else L0; r['HV']=(L0.exp()/2+r['H'].exp()/2).log()
            for sn,sd in SH.items():
                qs_=encode(tail,sd['maps'][qids][:,:2],sd['early'][qids][:,:2]).double()
                if sn not in S0: S0[sn]=classify(qs0[sn],W0).log_softmax(-1)
                r['G0:'+sn]=S0[sn]; r['GA:'+sn]=classify(qs_,WA).log_softmax(-1)
            if step==steps:
                for lam in map(float,a.lams.split(',')) if a.lams else ():
                    LAM[0]=lam; Fl=enc_all(); Ql=encode(tail,q['maps'][qids][:,:2],q['early'][qids][:,:2]); LAM[0]=1.0
                    r[f'w{lam}']=classify(Ql.double(),predict(Fl,sy,texts)).log_softmax(-1); r[f'v{lam}']=(L0.exp()/2+r[f'w{lam}'].exp()/2).log()
            if step and a.both:
                b=2**-.5
                WB=predict(torch.cat([F0,FA],1)*b,sy,torch.cat([texts,texts],1)*b,BL*4); r['GB']=classify((torch.cat([Q0,QA],1)*b).double(),WB).log_softmax(-1)
            acc={k:round(100*(v.argmax(-1)==qy).double().mean().item(),2) for k,v in r.items()}
            nll={k:round(-v[torch.arange(len(qy)),qy].mean().item(),3) for k,v in r.items() if k is not None}
            hist.append((step,acc,nll)); tenc+=time.time()-te
            if a.verbose: print(step,acc,nll,round(time.time()-t0-tenc,1))
            if step==steps: break
        lr=a.lr*min(1,(step+1)/max(1,a.warm*steps))*(0.5*(1+np.cos(np.pi*step/steps)))
        for gr in opt.param_groups: gr['lr']=lr
        if a.obj in('fold','foldH') and step%a.refresh==0:
            FA=enc_all() if step else F0
            heads=[predict(FA[fold!=k],sy[fold!=k],texts).to(dtype=torch.float32) for k in range(K)]
        if a.obj=='ce' and step==0:
            if a.hstart=='zero': W=W0.to(dtype=torch.float32); 
            lin=linear_head(F0,sy,texts,W0)
            Wtr=nn.Parameter(lin.clone()); u=lin.square().mean().sqrt(); 
            opt.add_param_group(dict(params=[Wtr],lr=lr,weight_decay=0.0))
            from metaadapter.adapter import AdapterWeights
            def head(w): return AdapterWeights(classes=w,class_bias=torch.zeros(N),logit_scale=torch.ones(()))
        if a.obj=='ce': opt.param_groups[1]['lr']=lr*float(u)*a.hlr
        # batch
        if a.obj=='epi':
            k=a.epik
            bsup=[];bq=[]
            for c in torch.randperm(N,generator=g)[:a.epin].tolist():
                ids=(sy==c).nonzero()[:,0]; ids=ids[torch.randperm(len(ids),generator=g)]; bsup+=ids[:k].tolist(); bq+=ids[k:k+1].tolist()
            bi=torch.tensor(bsup+bq)
        else:
            if len(order)<a.batch: order=order+torch.randperm(len(sy),generator=g).tolist()
            bi=torch.tensor(order[:a.batch]); order=order[a.batch:]
        def view():
            v=torch.randint(nv,(len(bi),),generator=g)
            if a.cross:
                v2=torch.randint(nv,(len(bi),),generator=g)
            else: v2=v
            m=torch.stack([sm[bi,2*v],sm[bi,2*v2+1]],1); e=torch.stack([se[bi,2*v],se[bi,2*v2+1]],1)
            return m,e
        m,e=view()
        tail.train()
        if a.single:
            pick=torch.randint(2,(len(bi),),generator=g) if a.single==1 else torch.zeros(len(bi),dtype=torch.long)
            ar=torch.arange(len(bi)); f=tail(m[ar,pick].float().contiguous(memory_format=torch.channels_last),e[ar,pick]); x=(f[:,None]*ZW[None,:,None]).flatten(1)
        else: x=rows(tail,m,e)
        yb=sy[bi]
        if a.obj=='fold':
            lg=torch.empty(len(bi),N); lgs=[]
            parts=[(fold[bi]==k).nonzero()[:,0] for k in range(K)]
            loss=sum(cross_entropy(classify(x[p],heads[k]),yb[p],reduction='sum',label_smoothing=a.ls) for k,p in enumerate(parts) if len(p))/len(bi)
        elif a.obj=='ce':
            loss=cross_entropy(x@Wtr.T,yb,label_smoothing=a.ls)+a.anchor/shots*((Wtr-lin)/u).square().mean()
        elif a.obj=='epi':
            ns=len(bsup); cs=yb.unique(); remap=torch.zeros(N,dtype=torch.long); remap[cs]=torch.arange(len(cs))
            ys,yq=remap[yb[:ns]],remap[yb[ns:]]; o=ys.argsort(stable=True)
            w=gen(mk(x[:ns][o],ys[o],texts[cs]))
            loss=cross_entropy(classify(x[None,ns:],w)[0].float(),yq)
        if a.keep:  # distill to frozen row
            loss=loss+a.keep*(1-(x*F0[bi]).sum(1)).mean()
        def lgt(xx):
            out=torch.empty(len(bi),N)
            out=torch.stack([classify(xx,h) for h in heads])[fold[bi],torch.arange(len(bi))]; return out
        if a.kl:
            if step==0: P0=torch.stack([classify(F0,h) for h in heads])[fold,torch.arange(len(sy))].log_softmax(-1).detach()
            loss=loss+a.kl*torch.nn.functional.kl_div(lgt(x).log_softmax(-1),P0[bi],log_target=True,reduction='batchmean')
        if a.vw:
            m2,e2=view(); p2=torch.randint(2,(len(bi),),generator=g); f2=tail(m2[torch.arange(len(bi)),p2].float().contiguous(memory_format=torch.channels_last),e2[torch.arange(len(bi)),p2]); x2=(f2[:,None]*ZW[None,:,None]).flatten(1)
            la,lb=lgt(x).log_softmax(-1),lgt(x2).log_softmax(-1); loss=loss+a.vw*0.5*((la.exp()*(la-lb)).sum(1)+(lb.exp()*(lb-la)).sum(1)).mean()
        opt.zero_grad(); loss.backward(); opt.step()
    return hist, time.time()-t0-tenc
def linear_head(F,y,texts,W0):
    """linear head whose logits on the frozen features mimic the generator's"""
    # class vectors + ridge fit of the cache
    lg=classify(F.double(),W0); lg=lg-lg.mean(1,keepdim=True)
    # ridge in dual towards classes*scale
    prior=(W0.classes*W0.logit_scale); prior=prior-prior.mean(0)
    X=F.double(); R=lg-X@prior.T
    A=X@X.T+1e-3*torch.eye(len(X),dtype=X.dtype)
    return (prior+(X.T@torch.linalg.solve(A,R)).T).float()
def args(s=None):
    p=argparse.ArgumentParser(); A=p.add_argument
    A('--sets',default='clothing10.large.clean'); A('--shots',default='16'); A('--seeds',type=int,default=2); A('--kind',default='bottleneck'); A('--size',type=int,default=64); A('--alpha',type=float,default=16)
    A('--stages',default='4,5,6'); A('--perblock',type=int,default=0); A('--headlora',type=int,default=1); A('--obj',default='fold'); A('--folds',type=int,default=4); A('--refresh',type=int,default=20)
    A('--lr',type=float,default=1e-3); A('--wd',type=float,default=.05); A('--steps',type=int,default=100); A('--batch',type=int,default=32); A('--warm',type=float,default=.1); A('--ls',type=float,default=0.); A('--anchor',type=float,default=1.); A('--hlr',type=float,default=1.)
    A('--keep',type=float,default=0); A('--kl',type=float,default=0); A('--both',type=int,default=1); A('--cross',type=int,default=0); A('--check',default='25,50'); A('--nq',type=int,default=24); A('--heldout',type=int,default=0); A('--epik',type=int,default=3); A('--epin',type=int,default=10); A('--verbose',type=int,default=0); A('--hstart',default=''); A('--shift',default=''); A('--single',type=int,default=0); A('--lams',default='0.5'); A('--vw',type=float,default=0.); A('--shifts',default=''); A('--tag',default='')
    a=p.parse_args(s); a.stages=[int(i) for i in a.stages.split(',')]; a.check={int(i) for i in a.check.split(',') if i}; return a

def main(argv):
    a=args(argv); print('##',' '.join(argv),flush=True)
    for sname in a.sets.split(','):
        d=load(sname); qs=load(a.shift) if a.shift else None
        for shots in map(int,a.shots.split(',')):
            hs=[];c0=time.process_time()
            for seed in range(a.seeds): hs.append(run(d,seed,shots,a,qs)[0])
            c=(time.process_time()-c0)/a.seeds
            for i in range(len(hs[0])):
                m=lambda j: {k:float(np.mean([h[i][j][k] for h in hs])) for k in hs[0][i][j]}
                acc,nl=m(1),m(2)
                print(f'{sname} {shots}sh step {hs[0][i][0]} G0 {acc["G0"]:.2f}/{nl["G0"]:.3f} | '+' '.join((f'{k} {acc[k]:.2f}/{nl[k]:.3f}' if k.startswith('G0:') else f'{k} {acc[k]-acc[k.replace(chr(65),chr(48))]:+.2f}/{nl[k]-nl[k.replace(chr(65),chr(48))]:+.3f}' if ':' in k else f'{k} {acc[k]-acc["G0"]:+.2f}/{nl[k]-nl["G0"]:+.3f}') for k in acc if k!='G0')+f' cpu {c:.0f}s',flush=True)
if __name__=='__main__':
    import shlex
    if sys.argv[1]=='-f':
        for l in open(sys.argv[2]):
            if l.strip() and l[0]!='#': main(shlex.split(l))
    else: main(sys.argv[1:])
