# ruff: noqa
import fit as fitmod
from fit import nn,np,torch,V,table
import itertools
full=fitmod.inp; RAWF=list(fitmod.RAWF)
def run(keep,**kw):
    def inp(t,norm=True):
        F,c=full(t,norm); nf=len(RAWF); base=c[:10]; m=c[10:10+nf][keep]; s=c[10+nf:][keep]
        return F[:,keep], torch.cat([base,m,s])
    fitmod.inp=inp; old=fitmod.RAWF; fitmod.RAWF=[RAWF[i] for i in keep]
    s=fitmod.fit(rank=1.,**kw); 
    ll=np.mean([float((nn.functional.softplus(-s(t)[t["y"]==1]).mean()+nn.functional.softplus(s(t)[t["y"]!=1]).mean())/2) for t in V])
    print([RAWF[i] for i in keep],kw,table(s,V), f"bce {ll:.4f}"); fitmod.inp=full; fitmod.RAWF=old
i={n:k for k,n in enumerate(RAWF)}
for names in (["cosmax","cosp","amax","alse","msp","ent"],["cosp","alse"],["cosp","alse","ent"],["cosp","cosmax","alse"],["cosp","alse","msp"]):
    run([i[n] for n in names],h=32)
