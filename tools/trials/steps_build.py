from tools.trials.steps_cells import *
from tools.trials.steps_sorted import conf_labels
from metaadapter.adapter.weights import apply_adapter
G=GEN["default"]; NT=int(sys.argv[1]); out=Path(os.environ["CACHE"]+""); out.mkdir(exist_ok=True)
def reduce_(rows_TRD, q):
    # orthonormal basis of centred rows
    Xr,Xq=[],[]
    for r,qq in zip(rows_TRD,q):
        Qm,_=torch.linalg.qr(r.double().T)  # D x R
        Xr.append((r.double()@Qm).float()); Xq.append((qq.double()@Qm).float())
    return torch.stack(Xr),torch.stack(Xq)
for part in (1.0,.34):
  for kind,prs in (("shift",SHIFT),("same",SAME)):
    for a,b in prs:
        B=None
        for j,k in enumerate(shots_of(a,b)):
            f=out/f"{kind}|{part}|{a}|{b}|{j}.pt"
            if f.exists(): continue
            B=B or batch(a,b,part,NT)
            with torch.no_grad():
                s=sup_of(B,k); mv=G.in_domain_of_pool(s); pm=B["pm"]
                starts={"one":G(s)}
                lp=classify(B["pool"],starts["one"])
                y=conf_labels(lp,pm,1.0)
                starts["two"]=G(labelled(mv,B["pool"],y))
                perm=torch.arange(pm.shape[1])%2==0
                for h,m in (("A",perm),("B",~perm)): starts[h]=G(replace(s,pool_mask_TU=pm&m))
                rows=torch.cat([mv.rows_TMD,B["pool"]],1); M=mv.rows_TMD.shape[1]
                c=(B["pool"]*pm[...,None]).sum(1)/pm.sum(1)[:,None]
                d=dict(M=M,k=k,pm=pm,y=B["y"],n=k)
                d["Xr"],d["Xq"]=reduce_(torch.where(torch.cat([torch.ones(len(pm),M,dtype=torch.bool),pm],1)[...,None],rows-c[:,None],0),B["q"]-c[:,None])
                for nm,w in starts.items():
                    d["L|"+nm]=(classify(rows,w),classify(B["q"],w)); d["norm|"+nm]=w.classes.norm(dim=-1); d["scale|"+nm]=w.logit_scale
                d["zs"]=(rows@B["text"].mT*B["scale"], B["q"]@B["text"].mT*B["scale"])
                from metaadapter.generator.domain_shift import domain_shift
                sh=domain_shift(s); d["P"]=sh.probability_T; d["even"]=sh.evenness_T
            torch.save(d,f)
        print(a,b,part,flush=True)
