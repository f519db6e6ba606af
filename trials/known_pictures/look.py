# ruff: noqa
import pickle, numpy as np, torch
from sklearn.metrics import roc_auc_score
from feat import RAWF
V=pickle.load(open("val.pkl","rb"))
def table(score,V,names=("caltech101-val","tiny-imagenet-val","cifar10","clothing10.large")):
    out=""
    for K in (1,4,16):
        A=[]
        for n in names:
            r=[]
            for t in V:
                if t["set"]!=n or t["K"]!=K: continue
                s=score(t).numpy(); y=t["y"].numpy()
                r.append([roc_auc_score(y[y!=o]==1,s[y!=o]) for o in (-1,0)])  # near (y!= -1), far (y!=0)
            A.append(np.mean(r,0)*100)
        A=np.array(A); out+=f" K{K} near "+" ".join(f"{a:.1f}" for a in A[:,0])+" far "+" ".join(f"{a:.1f}" for a in A[:,1])+f" [{A[:3].mean():.1f} {A[1:].mean():.1f}]"
    return out
if __name__=="__main__":
    for i,f in enumerate(RAWF):
        sg=-1 if f=="ent" else 1
        print(f"{f:8s}",table(lambda t:sg*t["F"][:,i],V))
