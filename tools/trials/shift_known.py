"""known of single pictures: same domain against elsewhere."""
from tools.trials.shift_tasks import *
from metaadapter.adapter.known import known_probabilities, known_threshold
PAIRS = [("pacs-photo.large","pacs-cartoon.large"),("pacs-cartoon.large","pacs-photo.large"),("caltech101-val","caltech101-val.edges"),("caltech101-val","caltech101-val.gray40"),("clothing10.large","clothing10.large.edges"),("caltech101-val.gray40","caltech101-val")]
from sklearn.metrics import roc_auc_score
g = GEN["default"]
for k in (1,4,16):
    res=[]
    for a,b in PAIRS:
        n = 6 if "pacs" in a else 8
        kn={}; unf={}
        for dom,q in (("same",a),("else",b)):
            vals=[];u=[]
            for t in tasks(a,q,n,(k,),n_tasks=15,seed=3):
                w=g.predict(support(t,k)); p=known_probabilities(t["q"][None],w)[0]; vals.append(p); u.append(p<known_threshold(w)[0])
            kn[dom]=torch.cat(vals).numpy(); unf[dom]=100*torch.cat(u).float().mean().item()
        y=np.r_[np.ones(len(kn["same"])),np.zeros(len(kn["else"]))]
        res.append((unf["same"],unf["else"],100*roc_auc_score(y,np.r_[kn["same"],kn["else"]])))
        print(k,a,b,"unfamiliar same %.1f else %.1f AUC %.1f"%res[-1],flush=True)
    print(k,"mean",np.mean(res,0).round(1))
