import sys; sys.path.insert(0,'/tmp/see')
import lab; from lab import *
from dataclasses import replace
import torch.nn.functional as F
from metaadapter.generator import Generator
g=Generator()
def agree(sup, S):  # S: (N, S, D)
    used=(S!=0).flatten(0,1).any(0).float()
    m=sup.means_TND[0]*used; m=m-m.mean(0); m=F.normalize(m,dim=-1)
    t=S-S[:,0].mean(0); t=F.normalize(t*used,dim=-1)
    c=torch.einsum("nsd,md->nsm",t,m); N=len(m); own=c.diagonal(dim1=0,dim2=2).T  # N,S
    return own-(c.sum(-1)-own)/(N-1)
def texts(sup,S,tau,h,tg=0):
    a=agree(sup,S); l=tau*(a-a[:,:1]); l[:,1:]+=tg*(a[:,1:].mean()-a[:,0].mean())-h
    w=l.softmax(1); return F.normalize((w[...,None]*S).sum(1),dim=-1)
if __name__=='__main__':
  for name in sys.argv[1:]:
      d=Data(f"/tmp/st2/{name}")
      res={}
      for k in (1,2,4):
          for i,(sup,Q,y) in enumerate(d.tasks(k,40,q=30)):
              T=sup.text_TND[0]; N=len(T); r=np.random.default_rng(i); sh=1+int(r.integers(0,N-1))
              wrong=T.roll(sh,0); noise=F.normalize(torch.randn(T.shape)*(T!=0),dim=-1)
              S2=torch.stack([T,wrong],1); half=F.normalize(T+.8*noise*1.,dim=-1)
              S3=torch.stack([T,F.normalize(T.roll(sh,0)*.7+T.roll(sh+1,0)*.7,dim=-1),wrong],1)
              cf={"name":T,"2 equal":F.normalize(T+wrong,dim=-1)}
              for tau,h,tg in ((10,3,0),(10,1,20),(10,2,20),(10,1,40),(10,2,40),(5,1,40)): cf[f"2 {tau},{h},{tg}"]=texts(sup,S2,tau,h,tg)
              for tau,h,tg in ((10,1,20),(10,2,20)): cf[f"3 {tau},{h},{tg}"]=texts(sup,S3,tau,h,tg)
              for n,t in cf.items():
                  w=g.predict(replace(sup,text_TND=t[None])); res.setdefault((n,k),[]).append(float((classify(Q[None],w)[0].argmax(-1)==y).float().mean())*100)
      base={k:np.mean(res["name",k]) for k in (1,2,4)}
      print(name,[f"{base[k]:.1f}" for k in base])
      for n in dict.fromkeys(a for a,_ in res): print(f"   {n:10}",[f"{np.mean(res[n,k])-base[k]:+.2f}" for k in base])
