# ruff: noqa
import fit as fm
from fit import nn,np,torch,V,TR,table
import pickle
KEEP=[1,3,5]
QS=torch.tensor([.5,.75,.9,.95,.98,.99])  # keep fractions -> lower quantiles 1-q
def prep(t):
    F,c=fm.inp(t,True); nf=t["F"].shape[1]
    base=c[:10]; m=c[10:10+nf][KEEP]; s=c[10+nf:][KEEP]
    lo=t["LO"].clone()
    # normalised LO like inp
    mo,so,om,os_,nno,w=t["loco"]; unit=(1-om).clamp(min=1e-3)
    if len(lo):
        for i in fm.COS: lo[:,i]=(lo[:,i]-om)/unit
    return F[:,KEEP].float(), torch.cat([base,m,s]).float(), lo[:,KEEP].float(), t["y"]
class Hyp(nn.Module):
    def __init__(s,nc,h=32,f=len(KEEP)):
        super().__init__()
        s.a=nn.Sequential(nn.Linear(nc,h),nn.SiLU(),nn.Linear(h,h),nn.SiLU(),nn.Linear(h,f+1))
        s.q=nn.Sequential(nn.Linear(nc+f+1+8,h),nn.SiLU(),nn.Linear(h,h),nn.SiLU(),nn.Linear(h,len(QS)))
    def coefs(s,c): return s.a(c)
    def quant(s,c,w,lo):
        if len(lo):
            l=(lo*w[:-1]).sum(-1)+w[-1]
            st=torch.cat([torch.quantile(l,torch.tensor([.02,.05,.1,.25,.5])),l.mean()[None],l.std()[None],torch.ones(1)])
            base=torch.quantile(l,1-QS)
        else: st=torch.zeros(8); base=torch.zeros(len(QS))
        o=s.q(torch.cat([c,w.detach(),st.detach()]))
        top=o[0]; steps=nn.functional.softplus(o[1:])
        off=torch.cat([top[None],top-steps.cumsum(0)])
        # residual on loo quantiles: gated
        return off
def train(h=32,epochs=20,lr=3e-3,seed=0,rank=1.0,noise=0.0,wd=1e-2):
    torch.manual_seed(seed); D=[prep(t) for t in TR]
    allF=torch.cat([d[0] for d in D]); allc=torch.stack([d[1] for d in D]); fmn,fs=allF.mean(0),allF.std(0); cm,cs=allc.mean(0),allc.std(0)+1e-3
    z=lambda d:(((d[0]-fmn)/fs).clamp(-6,6),((d[1]-cm)/cs).clamp(-3,3),((d[2]-fmn)/fs).clamp(-6,6) if len(d[2]) else d[2],d[3])
    Z=[z(d) for d in D]
    net=Hyp(allc.shape[1],h); opt=torch.optim.AdamW(net.parameters(),lr,weight_decay=wd); n=len(Z); steps=epochs*n//16
    sch=torch.optim.lr_scheduler.OneCycleLR(opt,lr*2,total_steps=steps); g=np.random.default_rng(seed); l=nn.functional.softplus
    for st in range(steps):
        loss=0
        for i in g.integers(n,size=16):
            F,c,lo,y=Z[i]
            if noise: c=c+noise*torch.randn_like(c)
            w=net.coefs(c); s=(F*w[:-1]).sum(-1)+w[-1]; k,nr,fa=s[y==1],s[y==0],s[y==-1]
            if len(nr)==0: nr=fa
            loss=loss+l(-k).mean()+.5*l(nr).mean()+.5*l(fa).mean()+rank*l(-(k[:,None]-torch.cat([nr,fa])[None])).mean()
            q=net.quant(c,w,lo); e=k.detach()[:,None]-q[None]; tau=1-QS
            loss=loss+ (torch.maximum(tau*e,(tau-1)*e)/ (tau*(1-tau))**.5).mean()
        opt.zero_grad(); (loss/16).backward(); opt.step(); sch.step()
    return net,z
def evaluate(net,z,V=V):
    res={}
    def sc(t):
        F,c,lo,y=z(prep(t))
        with torch.no_grad(): w=net.coefs(c); return (F*w[:-1]).sum(-1)+w[-1]
    print(table(sc,V))
    ll=[];K_={}
    for t in V:
        F,c,lo,y=z(prep(t))
        with torch.no_grad(): w=net.coefs(c); s=(F*w[:-1]).sum(-1)+w[-1]; q=net.quant(c,w,lo)
        ll.append(float((nn.functional.softplus(-s[y==1]).mean()+nn.functional.softplus(s[y!=1]).mean())/2))
        K_.setdefault((t["set"],t["K"]),[]).append([float((s[y==1]>=q[j]).float().mean()) for j in range(len(QS))]+[float((s[y==0]>=q[3]).float().mean()),float((s[y==-1]>=q[3]).float().mean())])
    print("bce",round(float(np.mean(ll)),4))
    for k in sorted(K_): 
        a=np.mean(K_[k],0)*100; print(k, " ".join(f"{x:5.1f}" for x in a[:6])," strangers kept near %.1f far %.1f"%(a[6],a[7]))
if __name__=="__main__":
    print("keep",QS.tolist())
    net,z=train(); evaluate(net,z)
