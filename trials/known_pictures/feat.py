# ruff: noqa
from draw import *
import collections, sys, time, pickle
gen,_=shared_generator("default")
RAWF=["cosmax","cosp","amax","alse","msp","ent","mah","margin","cosnn","affnn","affcls","txtmax","txtp"]
def stats_of(rows, mask_rows, lab, N):
    """class means (present), pooled scatter low rank"""
    D=rows.shape[1]
    n=torch.zeros(N).index_add(0,lab,torch.ones(len(lab)))
    mean=torch.zeros(N,D).index_add(0,lab,rows)/n[:,None].clamp(min=1)
    res=rows-mean[lab]
    dof=int((n-1).clamp(min=0).sum())
    return mean,n,res,dof
def feats(X, w, rows, lab, N, text):
    """(n,F) features of queries for adapter w (no task axis)"""
    L=classify(X,w); k=w.logit_scale
    A=L/k
    P=L.softmax(-1)
    mean,n,res,dof=stats_of(rows,None,lab,N)
    mu=normalize(mean,dim=-1)
    C=X@mu.T
    C=C.masked_fill(n==0,-1)
    top=A.topk(2,-1).values
    # mahalanobis: within scatter shrunk: dist = |r|^2 - sum_d v/(v+s) (d.r)^2
    # between-mean global scatter as shrinkage target: total variance per dim
    tot=((rows-mean.mean(0))**2).sum()/max(1,len(rows)-1) if len(rows)>1 else torch.tensor(1.)
    c=P.argmax(-1); r=X-mean[C.argmax(-1)]
    d2=(r**2).sum(-1)
    mah=d2
    if dof>0:
        U,S,V=torch.linalg.svd(res,full_matrices=False)
        kk=min(dof,32); v=S[:kk]**2/dof; s=(res**2).sum()/dof/ max(dof,1) 
        proj=(r@V[:kk].T)**2
        mah=d2-(proj*(v/(v+s))).sum(-1)
    ent=-(P*P.clamp(min=1e-12).log()).sum(-1)/np.log(N)
    nn=(X@rows.T).max(-1).values
    d=w.beta[None]*(1-X@w.keys.T)   # >=0: kernel exponent
    d=d[:,w.beta>0]
    affnn=-d.min(-1).values
    # per-class mean exponent weighted by p
    labk=lab_keys(w,lab)
    ac=torch.full((len(X),N),float('nan'))
    for c in range(N):
        if (labk==c).any(): ac[:,c]=torch.logsumexp(-d[:,labk==c],-1)-np.log(int((labk==c).sum()))
    ac=torch.nan_to_num(ac,nan=-20)
    affcls=(P*ac).sum(-1)
    Tx=X@text.T
    return torch.stack([C.max(-1).values,(P*C).sum(-1),A.max(-1).values,L.logsumexp(-1)/k,P.max(-1).values,ent,-mah.clamp(min=0).sqrt(),top[:,0]-top[:,1],nn,affnn,affcls,Tx.max(-1).values,(P*Tx).sum(-1)],-1)
def lab_keys(w,lab):
    return lab
def loco(rows,lab,N):
    """what pictures of other classes look like by cosines: cosmax of each picture to other classes, and within"""
    mean,n,res,dof=stats_of(rows,None,lab,N)
    mu=normalize(mean,dim=-1); C=rows@mu.T
    C=C.masked_fill(torch.nn.functional.one_hot(lab,N).bool(),-2).masked_fill((n==0)[None],-2)
    G=rows@rows.T; same=lab[:,None]==lab[None]
    nnO=G.masked_fill(same,-2).max(-1).values
    offd=C[C>-1.5]
    out=[C.max(-1).values.mean(), C.max(-1).values.std() if len(rows)>2 else torch.tensor(.0), offd.mean(), offd.std() if len(offd)>2 else torch.tensor(.1), nnO.mean()]
    pair=same&~torch.eye(len(rows),dtype=torch.bool)
    w=G[pair].mean() if pair.any() else torch.tensor(float('nan'))
    return torch.stack([*out,w])
def task_row(T,K,folds=4):
    S=T["sup"][:,:K]; N,_,D=S.shape
    nf=min(K,folds) if K>1 else 0
    mask=torch.ones(1+nf,N,K,dtype=torch.bool)
    g=torch.arange(K)%max(nf,1)
    for f in range(nf): mask[1+f][:,g==f]=False
    sup=Support.of_tasks(S[None].expand(1+nf,-1,-1,-1),T["text"][None].expand(1+nf,-1,-1),mask,logit_scale=T["scale"],blocks=T["blocks"])
    with torch.no_grad(): W=gen.predict(sup)
    rows=S.reshape(-1,D); lab=torch.arange(N).repeat_interleave(K)
    X=torch.cat([T["known"],T["near"],T["far"]])
    F=feats(X,W.task(0),rows,lab,N,T['text'])
    LO=[];LP=[]
    for f in range(nf):
        inn=mask[1+f].reshape(-1)
        held=rows[~inn]
        LO.append(feats(held,W.task(1+f),rows[inn],lab[inn],N,T['text']))
        LP.append(classify(held,W.task(1+f)).softmax(-1)[torch.arange((~inn).sum()),lab[~inn]])
    LO=torch.cat(LO) if LO else torch.empty(0,len(RAWF))
    y=torch.cat([torch.ones(len(T["known"])),torch.zeros(len(T["near"])),torch.full((len(T["far"]),),-1.)])
    return dict(F=F,LO=LO,loco=loco(rows,lab,N),y=y,N=N,K=K,nloo=K-1-0*(K//max(nf,1)) if K>1 else 0,kin=K-K//max(nf,1) if K>1 else 0, kappa=W.task(0).logit_scale)
def build(sets, farsets, n_tasks, seed, shots, ways, out):
    R=[]
    for i,name in enumerate(sets):
        far=[f for f in farsets if f.split("@")[-1 if "@" in f else 0:]==name.split("@")[-1 if "@" in name else 0:] and f!=name] if "@" in name else [f for f in farsets if f!=name and "@" not in f]
        if "@" in name: far=[f for f in farsets if f.endswith(name[name.index("@"):]) and f!=name]
        rng=np.random.default_rng(seed+i)
        for j in range(n_tasks):
            w=int(rng.integers(*ways)); 
            C=len(get(name).classes)
            w=min(w, C-2 if C>3 else 2) 
            for T in tasks(name,far,shots=shots,n_tasks=1,ways=max(2,w),nq=6,noff=40,nfar=40,seed=seed*1000+j):
                for K in shots if len(shots)<=3 else [shots[int(rng.integers(len(shots)))] for _ in range(2)]:
                    r=task_row(T,K); r["set"]=name; R.append(r)
    pickle.dump(R,open(out,"wb")); print(out,len(R))
if __name__=="__main__":
    t=time.time()
    if sys.argv[1]=="val":
        for v in VAL: pass
        build(VAL[:4],VAL,30,5,(1,4,16),(5,15),"val.pkl")
    else:
        tr=TRAIN+["tiny-imagenet-train.px20","tiny-imagenet-train.gray40"]+[x+g for g in("@raw","@root") for x in ("tiny-imagenet-train","caltech101-train","pacs-photo.large","pacs-cartoon.large")]
        build([x for x in tr if "emoji" not in x],tr,int(sys.argv[2]),9,(1,2,3,4,6,8,12,16),(2,25),"train.pkl")
    print(time.time()-t)
