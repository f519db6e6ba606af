"""Blocks without statistics: each block unit; per-task spread equalised to weights (closed form)."""
from lab import *
import v3
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.blocks import reweigh, _energy
from metaadapter.generator.regression import regression
from metaadapter.generator.evidence import leave_one_out
from metaadapter.generator.generator import _emit
from metaadapter.generator.network import Corrections
from metaadapter.generator.relations import relate, Relations
G=shippedG=load_generator("default")
def gen_equal(weights):
    w=torch.tensor(weights)
    def f(sup):
        with torch.no_grad():
            can=canonicalise(sup)
            if len(sup.blocks)>1:
                e=_energy(can)
                can=reweigh(can,(w[None]/e.clamp(min=1e-9).sqrt()).log())
            prob=regression(can,G.config.closed_form); lo=leave_one_out(prob); dt=torch.float32; m=sup.class_mask_TN
            rel=Relations(*(x.to(dt) for x in relate(can,lo))); tok,ed=G.encoder(rel,m); c=G.heads(tok,ed,rel,m,None)
            return _emit(prob,c,lo.scale_T)
    return f
def run(r,parts,gen,n=30):
    X=np.concatenate(parts,1)/np.sqrt(len(parts)); widths=tuple(p.shape[1] for p in parts); 
    t=np.zeros((len(r.text),X.shape[1]),np.float32); i=0
    for p,w in zip(parts,widths):
        if w==512: t[:,i:i+512]=r.text
        i+=w
    t/=np.linalg.norm(t,axis=1,keepdims=True)
    src=replace(source(r,X,t),blocks=widths); T=StoreTasks.draw(src,n)
    return [T.accuracy_T(gen,k).mean() for k in T.shots]
def stage_parts(r,v,root):
    st=r.stages[:,v]; out=[];i=0
    for w in (24,40,112,320):
        for o in (0,w):
            x=st[:,i+o:i+o+w]; x=np.sign(x)*np.sqrt(np.abs(x)) if root else x
            out.append(unit(x))
        i+=2*w
    return unit(np.concatenate(out,1))
tot={}
if __name__=="__main__":
  for name in sys.argv[1:]:
    r=Raw(name); print(name,flush=True); B=[v3.blocks(r,v) for v in range(2)]
    j=[r.joint[:,0],r.joint[:,1]]; raw=[unit(r.pooled[:,v]) for v in range(2)]
    plain=[unit(r.stages[:,v]) for v in range(2)]; root=[stage_parts(r,v,True) for v in range(2)]
    A=.7
    confs={
     "2look":(j,[1,A]),
     "stat t.5":(j+[B[0]["t"],B[1]["t"]],[1,A,.5,.5*A]),
     "raw  t.5":(j+raw,[1,A,.5,.5*A]),
     "stat ts.5":(j+[B[0]["t"],B[1]["t"],B[0]["s"],B[1]["s"]],[1,A,.5,.5*A,.5,.5*A]),
     "raw ts.5":(j+raw+root,[1,A,.5,.5*A,.5,.5*A]),
     "raw t,s0":(j+raw+root[:1],[1,A,.5,.5*A,.6]),
     "plain ts.5":(j+raw+plain,[1,A,.5,.5*A,.5,.5*A]),
    }
    for tag,(parts,w) in confs.items():
        a=run(r,parts,gen_equal(w)); tot.setdefault(tag,[]).append(a); print(f"  {tag:10}",fmt(a),flush=True)
  print("mean")
  for t,v in tot.items(): print(f"  {t:10}",fmt(np.mean(v,0)))
