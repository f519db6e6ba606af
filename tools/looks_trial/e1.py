from lab import *
from v2 import cat
w=np.array([1,.7])/np.hypot(1,.7)
def ece2(r,X,t,gen,n=30):
    src=source(r,X,t); T=StoreTasks.draw(src,n); out=[];gap=[]
    for k in T.shots:
        cs,os=[],[]
        for b in T.batches(k):
            p=classify(b.query_TQD,gen(Support.of_batch(b,src.logit_scale))).softmax(-1)
            c,a=p.max(-1); cs.append(c.detach().flatten()); os.append((a==b.query_labels_TQ).flatten().float())
        c,o=torch.cat(cs),torch.cat(os); e=0; gap.append(100*(c.mean()-o.mean()).item())
        for lo in np.arange(0,1,1/15):
            m=(c>lo)&(c<=lo+1/15)
            if m.any(): e+=(m.float().mean()*(c[m].mean()-o[m].mean()).abs()).item()
        out.append(100*e)
    return out,gap
if __name__=="__main__":
  for name in sys.argv[1:]:
    r=Raw(name); X=cat(r.joint,.7); t=np.concatenate([r.text*w[0],r.text*w[1]],1)
    for tag,g in (("shipped",shipped),("closed",closed)):
        e,gp=ece2(r,X,t,g); print(f"{name:20} {tag:8} ece", fmt(e)," gap",fmt(gp),flush=True)
