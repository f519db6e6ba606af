from lab import *
T=Raw("caltech101-train"); mean=T.pooled[:,0].mean(0); sm=T.stages[:,0].mean(0); sd=T.stages[:,0].std(0)+1e-6
def blocks(r,v):
    p=r.pooled[:,v]-mean
    st=r.stages[:,v]; z=(st-sm)/sd
    outs=[];i=0
    # per stage units of square roots: means of relu-less maps can be negative -> signed sqrt
    for w in (24,40,112,320):
        for part in (st[:,i:i+w],st[:,i+w:i+2*w]): pass
        outs.append(unit(z[:,i:i+2*w])/2); i+=2*w
    return dict(j=r.joint[:,v],t=unit(p),s=unit(z),q=np.concatenate(outs,1))
SH=.7
def row(r,spec):
    """spec: list of (view, block, weight); text lives in j blocks"""
    X=[];tx=[];B=[blocks(r,v) for v in range(2)]
    for v,b,w in spec:
        x=B[v][b]; X.append(w*x); tx.append(w*r.text if b=="j" else np.zeros((len(r.text),x.shape[1]),np.float32))
    n=np.sqrt(sum(w*w for *_,w in spec)); X=np.concatenate(X,1)/n; t=np.concatenate(tx,1); t=t/np.linalg.norm(t,axis=1,keepdims=True)
    jw=np.sqrt(sum(w*w for v,b,w in spec if b=="j"))/n
    return X,t,1/jw
a=SH
specs={
 "1look":[(0,"j",1)],
 "2look":[(0,"j",1),(1,"j",a)],
 "+t":[(0,"j",1),(1,"j",a),(0,"t",.5),(1,"t",.5*a)],
 "+s":[(0,"j",1),(1,"j",a),(0,"s",.5),(1,"s",.5*a)],
 "+q":[(0,"j",1),(1,"j",a),(0,"q",.5),(1,"q",.5*a)],
 "+ts":[(0,"j",1),(1,"j",a),(0,"t",.5),(1,"t",.5*a),(0,"s",.5),(1,"s",.5*a)],
 "+ts.7":[(0,"j",1),(1,"j",a),(0,"t",.7),(1,"t",.7*a),(0,"s",.7),(1,"s",.7*a)],
 "+tq":[(0,"j",1),(1,"j",a),(0,"t",.5),(1,"t",.5*a),(0,"q",.5),(1,"q",.5*a)],
 "+s0":[(0,"j",1),(1,"j",a),(0,"s",.6)],
 "+t,s0":[(0,"j",1),(1,"j",a),(0,"t",.5),(1,"t",.5*a),(0,"s",.6)],
}
if __name__=="__main__":
  tot={}
  for name in sys.argv[1:]:
    r=Raw(name); print(name)
    for tag,spec in specs.items():
        X,t,sc=row(r,spec); A=acc(r,X,shipped,text=t,scale=sc); C=acc(r,X,closed,text=t,scale=sc)
        tot.setdefault(tag,[]).append((A,C))
        print(f"  {tag:7}", fmt(A), "| closed", fmt(C), flush=True)
  print("mean")
  for tag,v in tot.items(): print(f"  {tag:7}", fmt(np.mean([x[0] for x in v],0)), "| closed", fmt(np.mean([x[1] for x in v],0)))
