from trials.pool3 import *
def em2(t, sharp=10., power=2., anchor=1., rounds=8, share=1.0, ps=.3, centring="class", white=0.0):
    n,K=t["n"],t["K"]; zs,zu,zq=t["zs"],t["zu"],t["zq"]; lpu=t["lu"].log_softmax(-1)
    if white:
        f=lin_white(torch.cat([zs,zu]),white); zs,zu,zq=f(zs),f(zu),f(zq)
    m=zs.reshape(n,K,-1).mean(1); means=m; r=None; pi=torch.full((n,),1/n)
    for i in range(rounds+1):
        centre=means.mean(0)
        a,b=normalize(zs-centre,dim=-1),normalize(zu-centre,dim=-1)
        am=a.reshape(n,K,-1).mean(1)
        mu=normalize(am if r is None else (anchor*K*am+r.T@b)/(anchor*K+r.sum(0)[:,None]),dim=-1)
        if i==rounds: break
        logit=sharp*b@mu.T+power*lpu+share*pi.log(); r=logit.softmax(-1)
        pi=(r.sum(0)+ps*len(r)/n)/(len(r)*(1+ps))
        means=(anchor*K*m+r.T@zu)/(anchor*K+r.sum(0)[:,None])
    rms=(torch.cat([zs,zu])-centre).norm(dim=-1).square().mean().sqrt()
    return dict(r=r,logit=logit,mu=mu,centre=centre,rms=rms,zq=zq,zs=zs,even=float(torch.exp(-(r.mean(0)*(r.mean(0)+1e-9).log()).sum())/n))
def lin_white(rows,eps,power=.5):
    X=rows-rows.mean(0); U,s,Vh=torch.linalg.svd(X/len(X)**.5,full_matrices=False); v=s**2
    base=eps*v.sum()/100; scale=((v+base)/base)**-power
    return lambda x: x+((x@Vh.T)*(scale-1))@Vh
def rp(t,W,b,zs=None):
    n,K=t["n"],t["K"]; rows=t["zs"]; targ=torch.eye(n).repeat_interleave(K,0)
    k=lambda x,y: torch.exp(-t["beta"]*torch.cdist(x,y).square()/2)/t["beta"]
    G=k(rows,rows)+torch.diag(t["noise"])
    extra=lambda x,z: x@t["prior"].T+z@W.T+b
    val=torch.linalg.solve(G,targ-extra(rows,rows if zs is None else zs))
    return lambda x,z: t["kappa"]*(extra(x,z)+k(x,rows)@val)
def theta(e,lo=.7,hi=.9): return min(1,max(0,(e-lo)/(hi-lo)))
def final(t,eta=1.2,lo=.7,hi=.9,s=10,p=2,tb=1.0,ta=1.0,**kw):
    m=em2(t,**kw); th=theta(m["even"],lo,hi)
    a=ta*(s*((m["zq"]-m["centre"])/m["rms"])@m["mu"].T+p*t["lq"])
    W=eta*m["mu"]/1.0
    b=tb*rp(t,W,-W@m["centre"],m["zs"])(t["zq"],m["zq"])
    return th*b+(1-th)*a, m["logit"]
def ece(p,y):
    conf,ans=p.max(-1); ok=(ans==y).float(); return conf.numpy(),ok.numpy()
def pooled(c,o):
    b=np.minimum((c*15).astype(int),14); return 100*sum(abs(c[b==i].sum()-o[b==i].sum()) for i in range(15))/len(c)
def report2(variants,kinds=None):
    for kind in kinds or DATA:
        table={}; cal={}
        for t in DATA[kind]:
            prep(t); out={"none":(t["lq"],t["lu"])}
            for name,f in variants.items(): out[name]=f(t)
            known=t["lab"]>=0
            for m,(q,u) in out.items():
                table.setdefault((m,t["set"],t["K"]),[]).append((100*float((q.argmax(-1)==t["y"]).float().mean()),100*float((u.argmax(-1)==t["lab"])[known].float().mean())))
                cal.setdefault((m,t["set"],t["K"]),[]).append(ece(q.softmax(-1),t["y"]))
        sets=list(dict.fromkeys(s for _,s,_ in table))
        for m in dict.fromkeys(k for k,_,_ in table):
            cells=[]
            for K in SHOTS:
                ss=[s for s in sets if (m,s,K) in table]
                per=[np.nanmean(table[m,s,K],0)-(0 if m=="none" else np.nanmean(table["none",s,K],0)) for s in ss]
                es=[pooled(*map(np.concatenate,zip(*cal[m,s,K]))) for s in ss]
                gap=[100*np.mean(np.concatenate([c for c,_ in cal[m,s,K]]))-100*np.mean(np.concatenate([o for _,o in cal[m,s,K]])) for s in ss]
                cells.append("%5.1f/%5.1f e%4.1f g%5.1f"%(*np.mean(per,0),np.mean(es),np.mean(gap)))
            print(f"{kind:10} {m:22}"," ".join(cells),flush=True)
