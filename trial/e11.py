from lab import *
import collections
from metaadapter.tuning.soft_prompt import SoftPrompt, tune_prompt
from metaadapter.towers.prompted_encoder import PromptedEncoder
SEEDS=int(sys.argv[1]); SETS=VAL; 
out=collections.defaultdict(lambda: collections.defaultdict(list))
for name in SETS:
    d=Data(name)
    for K in (4,16):
        for seed in range(SEEDS):
            base,new,sup,qb,qn=d.split(seed+100,K,30); nb=len(base); order=base+new
            y=torch.tensor([base.index(int(c)) for c in d.y[sup]]); X=d.X[sup]
            def judge(t):
                a=GEN.predict(support(d,order,sup,t)).task(0)
                b,n=acc(classify(d.X[qb],a)[:,:nb],d.y[qb],base),acc(classify(d.X[qn],a)[:,nb:],d.y[qn],new)
                return b,n,hm(b,n)
            hand=d.hand[order]; z=judge(hand); nm=[d.names[c] for c in base]
            auto=tune_prompt(ENC,X,y,nm); lo=auto.left_out; gain=lo.log_losses[0]-lo.log_losses[10]
            tp=tune_prompt(ENC,X,y,nm,SoftPrompt(n_steps=10))
            pt=torch.from_numpy(PromptedEncoder(ENC,tp.tensors).encode_texts([d.names[c] for c in order]))
            r=judge(torch.cat([hand[:nb],pt[nb:]]))
            mu=X.mean(0)
            zs=lambda t:(acc(d.X[qb]@t[:nb].T,d.y[qb],base),acc(d.X[qn]@t[nb:].T,d.y[qn],new))
            def add(k,v): out[K,k][name].append((*v,v[2]-z[2]))
            add("predicted",z); add("fixed 10",r); add("1se",r if gain>lo.error else z); add("gain>0",r if gain>0 else z); add("not harm",r if gain>-lo.error else z)
            a=zs(hand); add("names",(*a,hm(*a))); a=zs(pt); add("prompt alone",(*a,hm(*a)))
            out[K,"corr"][name].append((gain,r[2]-z[2],gain>lo.error,gain>-lo.error))
for k,by in sorted(out.items(),key=str):
    a=np.mean([np.mean(x,0) for x in by.values()],0); se=np.sqrt(sum(np.array(x)[:,3].astype(float).var(ddof=1)/len(x) for x in by.values()))/len(by)
    if k[1]=="corr": print(*k,a, [round(float(np.corrcoef(np.array(x)[:,0].astype(float),np.array(x)[:,1].astype(float))[0,1]),2) for x in by.values()]); continue
    print(*k,"|"," ".join(f"{100*x:5.1f}" for x in a),f"± {196*se:.1f} |"," ".join(f"{100*np.mean(x,0)[3]:+5.1f}" for x in by.values()),flush=True)
