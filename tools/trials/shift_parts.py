from tools.trials.shift_tasks import *
import time
norm=torch.nn.functional.normalize
def span(m):
    c=m-m.mean(0); q,_=torch.linalg.qr(c[:-1].T); return q  # D,N-1
def zs_shares(t,prior=0.3,mode="soft",scale=None):
    used=joint_of(t); u=norm(t["pool"]*used,dim=-1); T=norm(t["text"]*used,dim=-1)
    z=u@(T-T.mean(0)).T
    z=z-0*z.mean(0)
    p=(t["scale"]*z).softmax(-1)
    N=len(T)
    return (p.mean(0)+prior/N)/(1+prior)
def run(sup,qry,n_way=7,ks=(1,4,16),pool=100,n_tasks=25,part=1.0,g="closed-form",**kw):
    out={}; G=GEN[g]
    for t in tasks(sup,qry,n_way,ks,pool=pool,n_tasks=n_tasks,part=part,**kw):
        for k in ks:
            R={}
            with torch.no_grad():
                m=t["sup"][:,:k].mean(1); N=len(m); Q=span(m); ubar=t["pool"].mean(0)
                true=t["q"].mean(0)-m.mean(0)
                naive=ubar-m.mean(0); par=Q@(Q.T@naive); perp=naive-par
                R["|par|^2/|naive|^2"]=100*(par.square().sum()/naive.square().sum()).item()
                p=zs_shares(t); true_pi=None
                A={"naive":naive,"oracle":true,"perp":perp,"perp+half":perp+par/2,"zs pi":ubar-p@m,"zs pi half":ubar-(p/2+.5/N)@m}
                w=G(support(t,k))
                f=ans(w,t["pool"]-perp).softmax(-1); pi=(f.mean(0)+.3/N)/1.3; A["perp->pi"]=ubar-pi@m
                fz=f*torch.log_softmax(t["scale"]*(t["pool"]@t["text"].T),-1).exp(); fz=fz/fz.sum(-1,keepdim=True); pi=(fz.mean(0)+.3/N)/1.3; A["perp*zs->pi"]=ubar-pi@m
                f=ans(w,t["pool"]-naive).softmax(-1); pi=(f.mean(0)+.3/N)/1.3; A["naive->pi"]=ubar-pi@m
                for a,d in A.items():
                    R[a]=acc(ans(G(support(moved(t,k,d),k,True)),t["q"]),t["y"])
            for a,b in R.items(): out.setdefault(a,{}).setdefault(k,[]).append(b)
    print(f"{sup} -> {qry} part={part}"); 
    for a,b in out.items(): print(f"  {a:28s}", *[f"{np.mean(v):6.1f}" for v in b.values()],flush=True)
if __name__=="__main__":
    P,C="pacs-photo.large","pacs-cartoon.large"
    for part in (1.0,0.34):
        run(C,P,part=part); run(P,C,part=part)
    run(P,P,part=0.34); run(C,C,part=.34); run(C,C)
