import cells as C_
from tools.trials.steps_cells import *
from itertools import islice
import metaadapter.workflow.pool_labels as PL
from metaadapter.workflow.gradient_steps import FineTune, gradient_steps
G=GEN["default"]; part=float(sys.argv[1]); NT=int(sys.argv[2]); out=sys.argv[3]
P,C="pacs-photo.large","pacs-cartoon.large"; T=["test-flowers17","test-grocery","test-dtd10"]
pairs=[(P,C),(C,P)]+[(t,t+"."+d) for d in ("edges","gray40") for t in T]+[(t+"."+d,t) for d in ("edges","gray40") for t in T]
def direction(a,b):
    if "pacs" in a: return a+">"+b
    return ("photo>"+b.rsplit(".",1)[1]) if "." in b else (a.rsplit(".",1)[1]+">photo")
res={}
for a,b in pairs:
    ts=list(tasks(a,b,7,shots_of(a,b),n_query=10,pool=100 if "pacs" in a else 70,n_tasks=NT,part=part,seed=11))
    pool=pad_sequence([t["pool"] for t in ts],batch_first=True); pm=torch.arange(pool.shape[1])<torch.tensor([len(t["pool"]) for t in ts])[:,None]
    B=dict(sup=torch.stack([t["sup"] for t in ts]),text=torch.stack([t["text"] for t in ts]),pool=pool,pm=pm,q=pad_sequence([t["q"] for t in ts],batch_first=True),y=pad_sequence([t["y"] for t in ts],batch_first=True,padding_value=-1),blocks=ts[0]["blocks"],scale=ts[0]["scale"])
    for j,k in enumerate(shots_of(a,b)):
        with torch.no_grad():
            s=sup_of(B,k); st=G.predict(s); mv=G.in_domain_of_pool(s); base=accs(classify(B["q"],st),B["y"]); even=PL.pool_labels(st,s).is_even_T
        PL.EVEN=-1.
        with torch.no_grad(): lb=PL.pool_labels(st,s).label_TUN.argmax(-1).masked_fill(~pm,-1); two=accs(classify(B["q"],G.predict(labelled(mv,B["pool"],lb))),B["y"])
        w=list(islice(gradient_steps(st,mv,FineTune()),20))[-1]; PL.EVEN=.95
        g=accs(classify(B["q"],w),B["y"])-base
        for n,v in {"start":base,"always":g,"even":g*even,"second pass":two-base,"fraction":100*even.float()}.items(): res.setdefault(f"{direction(a,b)}|{j}|{n}",[]).append(v.tolist())
    json.dump(res,open(out,"w")); print(a,b,flush=True)
