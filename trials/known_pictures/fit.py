# ruff: noqa
import pickle, numpy as np, torch, sys
torch.set_num_threads(1)
from feat import RAWF
from look import table
from torch import nn
V=pickle.load(open("val.pkl","rb")); TR=pickle.load(open("train.pkl","rb"))
COS=[0,1,8]  # cos features
def inp(t, norm=True):
    F=t["F"].clone(); LO=t["LO"].clone(); lc=t["loco"]
    mo,so,om,os_,nno,w=lc
    if norm:
        unit=(1-om).clamp(min=1e-3)   # from between-class cos to identity
        for M in (F,LO):
            for i in COS: M[:,i]=(M[:,i]-om)/unit
            M[:,6]=M[:,6]/ (2*unit).sqrt()
        so_,os2,mo_,nn_,w_=so/unit,os_/unit,(mo-om)/unit,(nno-om)/unit,(w-om)/unit
    else: so_,os2,mo_,nn_,w_=so,os_,mo,nno,w
    has=float(len(LO)>0)
    m=LO.mean(0) if has else torch.zeros(F.shape[1]); s=LO.std(0) if has else torch.zeros(F.shape[1])
    K,N=t["K"],t["N"]
    ctx=torch.cat([torch.tensor([np.log(K),np.log(N),has,float(so_),float(os2),float(mo_),float(nn_),0. if w_!=w_ else float(w_),float(t["kappa"].log()),1/np.sqrt(max(1,len(LO)))*has]),m,s])
    return F,ctx
def data(L,norm):
    out=[]
    for t in L:
        F,c=inp(t,norm); out.append((F.float(),c.float(),t["y"]))
    return out
class Net(nn.Module):
    def __init__(s,nc,h,linear=False):
        super().__init__(); s.linear=linear; f=len(RAWF)
        if linear: s.w=nn.Linear(nc,f+1) ; nn.init.zeros_(s.w.weight)
        else: s.m=nn.Sequential(nn.Linear(f+nc,h),nn.SiLU(),nn.Linear(h,h),nn.SiLU(),nn.Linear(h,1))
    def forward(s,F,c):
        if s.linear:
            w=s.w(c); return (F*w[:-1]).sum(-1)+w[-1]
        return s.m(torch.cat([F,c.expand(len(F),-1)],-1))[:,0]
def fit(norm=True,h=32,linear=False,epochs=12,lr=3e-3,rank=0.0,seed=0,wd=1e-3,use=None):
    torch.manual_seed(seed)
    D=data(TR,norm); allF=torch.cat([d[0] for d in D]); allc=torch.stack([d[1] for d in D])
    fm,fs=allF.mean(0),allF.std(0)+1e-4; cm,cs=allc.mean(0),allc.std(0)+1e-4
    def z(F,c): return ((F-fm)/fs).clamp(-5,5), ((c-cm)/cs).clamp(-4,4)
    net=Net(allc.shape[1],h,linear); opt=torch.optim.AdamW(net.parameters(),lr,weight_decay=wd)
    n=len(D); steps=epochs*n//8
    sched=torch.optim.lr_scheduler.OneCycleLR(opt,lr*2,total_steps=steps)
    g=np.random.default_rng(seed)
    for st in range(steps):
        loss=0
        for i in g.integers(n,size=8):
            F,c,y=D[i]; F,c=z(F,c); s=net(F,c)
            k,nr,fa=s[y==1],s[y==0],s[y==-1]
            if len(nr)==0: nr=fa
            l=nn.functional.softplus
            loss=loss+ (l(-k).mean()+0.5*l(nr).mean()+0.5*l(fa).mean())/8
            if rank: loss=loss+rank*(l(-(k[:,None]-torch.cat([nr,fa])[None])).mean())/8
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    def score(t):
        F,c=inp(t,norm); F,c=z(F.float(),c.float())
        with torch.no_grad(): return net(F,c)
    return score
if __name__=="__main__":
    for kw in [dict(linear=True),dict(linear=True,rank=1.0),dict(h=32),dict(h=32,rank=1.),dict(h=32,norm=False)]:
        s=fit(**kw); print(kw,table(s,V))
        ll=np.mean([float((nn.functional.softplus(-s(t)[t["y"]==1]).mean()+nn.functional.softplus(s(t)[t["y"]!=1]).mean())/2) for t in V]); print("   val bce",ll)
