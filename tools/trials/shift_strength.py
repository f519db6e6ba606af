from tools.trials.shift_tasks import *
import math,sys
def parts(t,k):
    s=t["sup"][:,:k]; m=s.mean(1); N=len(m); u=t["pool"]; U=len(u)
    d=u.mean(0)-m.mean(0); A=m-m.mean(0); gram=A@A.T
    a=torch.linalg.solve(gram+1e-3*gram.diagonal().mean()*torch.eye(N),A@d); along=a@A; across=d-along
    pi=(a+1/N).clamp(min=0); pi=pi/pi.sum()
    tot=(u-u.mean(0)).square().sum()/(max(U-1,1))
    within=((s-m[:,None]).square().sum()+N*tot)/(N*(k-1)+N)
    rho=(across.square().sum()/(within*pi.square().sum()/k+tot/U)).item()
    E=float((-(pi*pi.clamp(min=1e-9).log()).sum()).exp()/N)
    return across,along,rho,E
sig=lambda x: 1/(1+math.exp(-x))
def arms(t,k):
    ac,al,rho,E=parts(t,k); p=sig((math.log(rho/1.5))/.1)
    return {"none":0*ac,"p both":p*(ac+al),"across + p along":ac+p*al,
     "E.96":(p+(1-p)*sig((E-.96)/.01))*ac+p*al,"E.97":(p+(1-p)*sig((E-.97)/.005))*ac+p*al,
     "naive if E.97":(p+(1-p)*sig((E-.97)/.005))*(ac+al),
     "JS":max(0,1-.8/rho)*ac+p*al, "half":(p+(1-p)/2)*ac+p*al}
def run(sup,qry,ks=(1,4),n_tasks=40,part=1.0):
    out={}
    for t in tasks(sup,qry,7,(1,4),pool=100,n_tasks=n_tasks,part=part,seed=5):
        for k in ks:
            with torch.no_grad():
                for a,d in arms(t,k).items():
                    m=moved(t,k,d)
                    for g,G in GEN.items(): out.setdefault((g[:6],a),{}).setdefault(k,[]).append(acc(ans(G(support(m,k,True)),t["q"]),t["y"]))
    return out
P,C,K,W="pacs-photo.large","pacs-cartoon.large","caltech101-val","clothing10.large"
tot={}
for part in (1.0,.34):
  for s in (P,C,K,W,"cifar10","tiny-imagenet-val"):
    for a,b in run(s,s,part=part).items(): tot.setdefault((part,)+a,[]).append([np.mean(v) for v in b.values()])
for a,v in tot.items(): print(a,np.mean(v,0).round(1),flush=True)
