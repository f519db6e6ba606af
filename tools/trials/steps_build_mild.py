from tools.trials.steps_cells import *
import tools.trials.steps_tasks as lib
G=GEN["default"]; NT=10; out=Path(os.environ["CACHE"]+"4"); out.mkdir(exist_ok=True)
exec(open("tools/trials/steps_pool_labels.py").read())
for kind,prs in (("shift",SHIFT),("same",SAME)):
    for a,b in prs:
        B0=batch(a,b,1.0,NT,seed=7); y=pool_y(B0,a,b); full=B0["pm"]
        for w,part in (("mild",2.0),("small",3.0)):
            rng=np.random.default_rng(3); pm=torch.zeros_like(full)
            for t in range(len(y)):
                s=rng.dirichlet([{"mild":2.,"small":1e6}[w]]*7); top={"small":3}.get(w,14)
                for c in range(7):
                    i=(y[t]==c).nonzero()[:,0]; pm[t,i[:max(0,round(top*s[c]/s.max()))]]=True
            B=dict(B0,pm=pm)
            for j,k in enumerate(shots_of(a,b)):
                f=out/f"{kind}|{part}|{a}|{b}|{j}.pt"
                if f.exists(): continue
                with torch.no_grad():
                    s=sup_of(B,k); mv=G.in_domain_of_pool(s); wt=G(s); M=mv.rows_TMD.shape[1]
                    rows=torch.cat([mv.rows_TMD,B["pool"]],1); c=(B["pool"]*pm[...,None]).sum(1)/pm.sum(1)[:,None]
                    d=dict(M=M,k=k,pm=pm,y=B["y"],ypool=y.masked_fill(~pm,-1))
                    R=torch.where(torch.cat([torch.ones(len(pm),M,dtype=torch.bool),pm],1)[...,None],rows-c[:,None],0)
                    Q=B["q"]-c[:,None]; Xr,Xq=[],[]
                    for r,qq in zip(R,Q):
                        K=r@r.T; e,v=torch.linalg.eigh(K.double()); keep=e>1e-6*e.max(); proj=(v[:,keep]/e[keep].sqrt()).float()
                        x=torch.zeros(r.shape[0],r.shape[0]); xq=torch.zeros(len(qq),r.shape[0]); n=int(keep.sum()); x[:,:n]=K@proj; xq[:,:n]=(qq@r.T)@proj
                        Xr.append(x); Xq.append(xq)
                    d["Xr"],d["Xq"]=torch.stack(Xr),torch.stack(Xq)
                    d["L|one"]=(classify(rows,wt),classify(B["q"],wt)); d["norm|one"]=wt.classes.norm(dim=-1); d["scale|one"]=wt.logit_scale
                torch.save(d,f)
        print(a,b,flush=True)
