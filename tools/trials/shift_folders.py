from tools.trials.shift_tasks import *
from metaadapter.generator.domain_shift import domain_shift
P,C,K,W="pacs-photo.large","pacs-cartoon.large","caltech101-val","clothing10.large"
def folders(sup,qry,ks,n=200,n_way=7,size=50,seed=0):
    rng=np.random.default_rng([seed,3]); ss,xs,ls,_=load(sup); sq,xq,lq,_=load(qry); text=ss.class_texts(); same=sup.split(".")[0]==qry.split(".")[0]
    cl=[c for c in sorted(set(ls)&set(lq)&set(text)) if (ls==c).sum()>=max(ks)+2]
    r={}
    for i in range(n):
        ways=list(rng.permutation(cl)[:n_way]); rows=[rng.permutation(np.flatnonzero(ls==c))[:max(ks)] for c in ways]
        kind=["even","dirichlet","third"][i%3]
        pi=dict(even=np.full(n_way,1/n_way),dirichlet=rng.dirichlet(np.ones(n_way)),third=rng.permutation([.5,.5]+[0]*(n_way-2)))[kind]
        counts=rng.multinomial(size,pi); q=[]
        for c,w,s in zip(counts,ways,rows):
            f=np.flatnonzero(lq==w); f=np.setdiff1d(f,s) if same else f
            q.append(rng.permutation(f)[:c])
        q=np.concatenate(q)
        if len(q)<30: continue
        for k in ks:
            S=Support.of_tasks(xs[np.stack([s[:k] for s in rows])][None],torch.stack([torch.from_numpy(text[c]).float() for c in ways])[None],logit_scale=ss.logit_scale,blocks=ss.blocks).with_pool(xq[q])
            r.setdefault((k,kind),[]).append((lambda d: (float(d.ratio_T), float(d.probability_T)))(domain_shift(S)))
    return r
tot={}
T=["test-flowers17","test-grocery","test-dtd10"]
for sup,qry in [(s,s) for s in T]+[(t,t+d) for t in T for d in (".edges",".gray40")]+[(t+d,t) for t in T for d in (".edges",".gray40")]:
    r=folders(sup,qry,(1,2,4,8))
    for a,v in r.items(): tot.setdefault((sup!=qry,)+a,[]).extend(v)
for T in (1.6,):
    print(T,{f"{'shift' if a[0] else 'same'} {a[1]}{a[2][0]}":round(100*float((np.array(v)[:,1]>.5).mean()),1) for a,v in sorted(tot.items())})

for shift in (False,True):
    for k in (1,2,4,8):
        v=np.concatenate([np.array(x) for a,x in tot.items() if a[0]==shift and a[1]==k]); print("shift" if shift else "same",k,len(v),round(100*float((v[:,0]>1.6).mean()),2), round(100*float((v[:,1]>.5).mean()),2))
