from tools.trials.shift_tasks import *
import sys, copy, math
from metaadapter.generator.pool_network import *
class Fixed(torch.nn.Module):
    def __init__(s,**kw): super().__init__(); s.kw=kw
    def corrections_of_round(s,sc):
        T=len(sc.task_TS); z=lambda *a: sc.task_TS.new_zeros(*a); N=sc.classes_TNC.shape[1]; U=sc.pictures_TUP.shape[1]; k=s.kw
        return RoundCorrections(z(T)+k.get("sharp",0),z(T)+k.get("first",0),z(T)+k.get("share",0),z(T,N)+k.get("anchor",0),z(T,N),z(T,U))
    def final_corrections(s,sc):
        T=len(sc.task_TS); z=lambda *a: sc.task_TS.new_zeros(*a); N=sc.classes_TNC.shape[1]; k=s.kw
        return FinalCorrections(z(T)+k.get("trust",0),z(T)+k.get("reg",0),z(T)+k.get("mix",0),z(T)+k.get("ffirst",0),z(T,N)+k.get("reach",0),z(T,N))
base=GEN["closed-form"]
def gen(**kw):
    g=copy.deepcopy(base); g.pool=Fixed(**kw); return g
L=math.log
ARMS={"now":{}, "anchor.3":dict(anchor=L(.3)),"anchor.1":dict(anchor=L(.1)),
 "mix":dict(trust=-9),"mix anchor.3":dict(trust=-9,anchor=L(.3)),"mix anchor.1":dict(trust=-9,anchor=L(.1)),
 "mix anchor.1 first1":dict(trust=-9,anchor=L(.1),first=L(.5),ffirst=L(.5)),
 "mix anchor.1 sharp20":dict(trust=-9,anchor=L(.1),sharp=L(2)),
 "mix anchor.1 first1 sharp20":dict(trust=-9,anchor=L(.1),first=L(.5),ffirst=L(.5),sharp=L(2)),
 "reach3":dict(reach=L(3)),"reach3 anchor.1":dict(reach=L(3),anchor=L(.1)),
 "mix anchor.1 noshare":dict(trust=-9,anchor=L(.1),share=-9)}
G={a:gen(**b) for a,b in ARMS.items()}
def run(sup,qry,n_way=7,ks=(1,4,16),pool=100,n_tasks=25,part=1.0,**kw):
    out={}
    for t in tasks(sup,qry,n_way,ks,pool=pool,n_tasks=n_tasks,part=part,**kw):
        for k in ks:
            R={}
            with torch.no_grad():
                d=t["pool"].mean(0)-t["sup"][:,:k].mean((0,1)); m=moved(t,k,d)
                for a,g in G.items(): R[a]=acc(ans(g(support(m,k,True)),t["q"]),t["y"])
            for a,b in R.items(): out.setdefault(a,{}).setdefault(k,[]).append(b)
    print(f"{sup} -> {qry} part={part}"); 
    for a,b in out.items(): print(f"  {a:28s}", *[f"{np.mean(v):6.1f}" for v in b.values()],flush=True)
if __name__=="__main__":
    P,C="pacs-photo.large","pacs-cartoon.large"
    run(C,P); run(P,C); run(P,C,part=.34); run(P,P); run(C,C)
