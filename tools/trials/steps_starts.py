from tools.trials.steps_run import *
cells=load()
for k in list(cells):
    f=os.environ["CACHE"]+"3/"+"|".join(map(str,k))+".pt"
    if os.path.exists(f): cells[k].update(torch.load(f))
    else: cells.pop(k)
print(len(cells))
if __name__=="__main__":
  for p in (1.0,.34):
    for st in ("tb",)+(("tbe","co") if p==1.0 else ()): table(cells,{st:dict(start=st,steps=0)},parts=(p,))
  B=dict(pl=1.,soft="bal",steps=20,every=5,sharp=2.)
  table(cells,{"one bal":B,"one bal aad.3":dict(B,aad=.3),"tb bal":dict(B,start="tb"),"tb bal aad.3":dict(B,start="tb",aad=.3),"tb im":dict(B,start="tb",pl=0.,im=1.),"tbe bal":dict(B,start="tbe"),"co bal":dict(B,start="co"),"co bal aad.3":dict(B,start="co",aad=.3)},parts=(1.0,))
