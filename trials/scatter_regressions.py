"""The regressions on what scatter.py wrote: `python trials/scatter_regressions.py`."""
import numpy as np
d=np.load("/tmp/scatter.npz"); known,looks,targets,sets=(d[k] for k in("known","looks","targets","sets"))
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler
from sklearn.pipeline import make_pipeline
from sklearn.ensemble import RandomForestRegressor
acc=targets[:,1:]
gain=acc[:,4]-acc[:,0]   # 1.1 against none
best=acc.max(1); 
L=np.array([0,.3,.55,.8,1.1,1.5])
def cv(X,y,model):
    p=np.zeros(len(y)); base=np.zeros(len(y))
    for s in np.unique(sets):
        tr=sets!=s; m=model(); m.fit(X[tr],y[tr]); p[~tr]=m.predict(X[~tr]); base[~tr]=y[tr].mean()
    return 1-((y-p)**2).sum()/((y-base)**2).sum(), p
ridge=lambda: make_pipeline(StandardScaler(),RidgeCV(np.logspace(0,5,11)))
forest=lambda: RandomForestRegressor(200,min_samples_leaf=10,max_features=.3,n_jobs=1,random_state=0)
for tn,y in (("log scale",targets[:,0]),("gain of stages",gain)):
    for name,X in (("known",known),("looks",looks),("both",np.hstack([known,looks]))):
        r,p1=cv(X,y,ridge); f,p2=cv(X,y,forest)
        extra=""
        if tn!="log scale":
            extra=" ".join(f"acc by choice {np.where(p>0,acc[:,4],acc[:,0])[...].mean():.2f}" for p in (p1,p2))
        else:
            extra=" ".join(f"{np.abs(np.array([ (y-p)[sets==s].mean() for s in np.unique(sets)])).mean():.3f}" for p in (p1,p2))
        print(tn,name,"ridge %.3f forest %.3f"%(r,f),extra)
print("fixed",acc.mean(0).round(2),"oracle per set",np.mean([acc[sets==s].mean(0).max() for s in np.unique(sets)]).round(2),"oracle per task",acc[:,[0,4]].max(1).mean().round(2))
names=[f"{k}.{n}" for k in ("joint","stages") for n in ("raw","rawstd","own","ownstd","gap","finds","right")]+["own diff","finds diff"]
for tn,y in (("log scale",targets[:,0]),("gain of stages",gain)):
    rs=[(cv(looks[:,[j]],y,ridge)[0],names[j]) for j in range(looks.shape[1])]
    print(tn,sorted([(round(a,3),b) for a,b in rs],reverse=True)[:6])
    rs=[(cv(known[:,[j]],y,ridge)[0],j) for j in range(known.shape[1])]
    print(tn,"known",sorted([(round(a,3),b) for a,b in rs],reverse=True)[:6])
# smooth choice among lengths by ridge on the difference of each length to 0.8
for cols in ([2,9,14],[4,11],[5,12,15],list(range(16))):
    pred=np.stack([cv(looks[:,cols],acc[:,k]-acc[:,3],ridge)[1] for k in range(6)],1)
    pick=pred.argmax(1); print(cols, acc[np.arange(len(pick)),pick].mean().round(2))
print("known choice")
for cols in ([18],[18,24],[18,21,24],[18,21,24,34,54]):
    pred=np.stack([cv(known[:,cols],acc[:,k]-acc[:,3],ridge)[1] for k in range(6)],1)
    pick=pred.argmax(1); print(cols, acc[np.arange(len(pick)),pick].mean().round(2))
for a,b in (([18],[15]),([18,24],[5,12,15]),([18,21,24],[15])):
    X=np.hstack([known[:,a],looks[:,b]])
    pred=np.stack([cv(X,acc[:,k]-acc[:,3],ridge)[1] for k in range(6)],1)
    pick=pred.argmax(1); print(a,b, acc[np.arange(len(pick)),pick].mean().round(2))
