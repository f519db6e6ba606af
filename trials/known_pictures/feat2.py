# ruff: noqa
# analytic LOO
import feat
from feat import *
from metaadapter.generator import evidence as E, canonical as Cn, regression as R
from metaadapter.generator.blocks import log_lengths, reweigh
def loo_answers(sup):
    can=Cn.canonicalise(sup)
    if len(sup.blocks)>1: can=reweigh(can,log_lengths(can))
    p=R.regression(can,gen.config.closed_form)
    keep={}
    orig=E._posterior_scale
    def spy(a,own,asked,base):
        s=orig(a,own,asked,base); keep["a"]=a; keep["s"]=s; return s
    E._posterior_scale=spy
    try: lo=E.leave_one_out(p)
    finally: E._posterior_scale=orig
    return keep["a"],keep["s"],lo,p
def task_row2(T,K):
    S=T["sup"][:,:K]; N,_,D=S.shape
    sup=Support.of_tasks(S[None],T["text"][None],logit_scale=T["scale"],blocks=T["blocks"]).exact
    with torch.no_grad(): W=gen.predict(sup).task(0).to(dtype=torch.float32)
    rows=S.reshape(-1,D); lab=torch.arange(N).repeat_interleave(K)
    X=torch.cat([T["known"],T["near"],T["far"]])
    F=feats(X,W,rows,lab,N,T["text"])
    LO=torch.empty(0,len(RAWF)); 
    if K>1:
        a,s,lo,p=loo_answers(sup)
        a=a[0].float(); s=float(s[0]); P=(s*a).softmax(-1)
        assert (lo.is_own_TMN[0].float().argmax(-1)==lab).all()
        mean=S.mean(1); mu=normalize(mean,dim=-1); C=rows@mu.T
        own=normalize(mean[lab]*K-rows,dim=-1)
        C[torch.arange(len(rows)),lab]=(rows*own).sum(-1)
        LO=torch.zeros(len(rows),len(RAWF))
        LO[:,0]=C.max(-1).values; LO[:,1]=(P*C).sum(-1); LO[:,2]=a.max(-1).values; LO[:,3]=(s*a).logsumexp(-1)/s; LO[:,4]=P.max(-1).values
        LO[:,5]=-(P*P.clamp(min=1e-12).log()).sum(-1)/np.log(N)
    y=torch.cat([torch.ones(len(T["known"])),torch.zeros(len(T["near"])),torch.full((len(T["far"]),),-1.)])
    return dict(F=F,LO=LO,loco=loco(rows,lab,N),y=y,N=N,K=K,kappa=W.logit_scale)
if __name__=="__main__":
    feat.task_row=task_row2
    t=time.time()
    if sys.argv[1]=="val": build(VAL[:4],VAL,30,5,(1,4,16),(5,15),"val2.pkl")
    else:
        tr=TRAIN+["tiny-imagenet-train.px20","tiny-imagenet-train.gray40"]+[x+g for g in("@raw","@root") for x in ("tiny-imagenet-train","caltech101-train","pacs-photo.large","pacs-cartoon.large")]
        build([x for x in tr if "emoji" not in x],tr,int(sys.argv[2]),9,(1,2,3,4,6,8,12,16),(2,25),"train2.pkl")
    print(time.time()-t)
