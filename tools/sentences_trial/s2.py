"""Sentences weighed by how they agree with the pictures: name, synonyms, hypernym and gloss of each class."""
from s1 import *
def sets(r, wrong=False):
    names=[readable_name(c) for c in r.classes]; S=[sents(n) for n in names]
    if wrong: S=S[1:]+S[:1]
    L=[[n,*s['syn'][:4],*(f"{n}, a kind of {h}" if not wrong else h for h in s['hyp']),*s['gloss']] for n,s in zip(names,S)]
    k=max(map(len,L)); T=np.zeros((len(L),k,512),np.float32)
    for i,l in enumerate(L): T[i,:len(l)]=enc.encode_texts(l)
    return torch.from_numpy(T)
def weighing(T_CSD, two, tau, prior):
    two2=torch.tensor([1.,.7]).repeat_interleave(512)/np.sqrt(1.49)
    names=(T_CSD[:,0].repeat(1,2)*two2)
    def f(sup):
        with torch.no_grad():
            idx=(sup.text_TND@names.T).argmax(-1); sen=T_CSD[idx].repeat(1,1,1,2)*two2   # T N S D
            there=(sen!=0).any(-1); mask=sup.class_mask_TN
            m=mask[...,None].float(); n=m.sum(1).clamp(min=1)
            mean=sup.means_TND; mc=unit_t((mean-(mean*m).sum(1,keepdim=True)/n[:,None])*m)
            tc=((sup.text_TND)*m).sum(1)/n; sc=unit_t(sen-tc[:,None,None])
            cos=torch.einsum('tnsd,tmd->tnsm',sc,mc)
            own=torch.diagonal(cos,dim1=1,dim2=3).transpose(1,2)   # t n s
            rest=(cos.sum(-1)-own)/(n[...,None]-1).clamp(min=1)
            logit=tau*(own-rest); logit[...,0]+=prior
            w=logit.masked_fill(~there,-1e9).softmax(-1)
            t=unit_t((w[...,None]*sen).sum(2))*m
            return shipped(replace(sup,text_TND=t))
    return f
def unit_t(x): return x/x.norm(dim=-1,keepdim=True).clamp(min=1e-9)
if __name__=="__main__":
  tot={}
  for nm in sys.argv[1:]:
    r=Raw(nm); print(nm,flush=True)
    X2=np.concatenate([r.joint[:,0],.7*r.joint[:,1]],1)/np.sqrt(1.49); T2=np.concatenate([r.text,.7*r.text],1)/np.sqrt(1.49)
    task=StoreTasks.draw(replace(source(r,X2,T2),blocks=(512,512)),30)
    right,bad=sets(r),sets(r,True)
    confs={'name':shipped,'mean':weighing(right,1,0,0.),'tau 5':weighing(right,1,5,0.),'tau 5, prior 1':weighing(right,1,5,1.),'tau 10, prior 1':weighing(right,1,10,1.),'tau 10, prior 2':weighing(right,1,10,2.),
           'wrong: mean':weighing(bad,1,0,0.),'wrong: tau 10, prior 1':weighing(bad,1,10,1.),'wrong: tau 10, prior 2':weighing(bad,1,10,2.)}
    for k,g in confs.items():
        a=[task.accuracy_T(g,kk).mean() for kk in task.shots]; tot.setdefault(k,[]).append(a); print(f"  {k:22}",fmt(a),flush=True)
  for k,v in tot.items(): print(f"mean {k:22}",fmt(np.mean(v,0)))
