from lab import *
def cat(J,b):
    w=np.array([1,b])/np.sqrt(1+b*b); return (J[:,:2]*w[None,:,None]).reshape(len(J),-1)
for name in (sys.argv[1:] if __name__=="__main__" else []):
    r=Raw(name); J=r.joint
    print(name)
    for tag,b in {"cat1":1.,"cat.7":.7,"cat.5":.5}.items():
        w=np.array([1,b])/np.sqrt(1+b*b)
        t=np.concatenate([r.text*w[0],r.text*w[1]],1)
        print(f"  {tag:9}", fmt(acc(r,cat(J,b),shipped,text=t)), "| closed", fmt(acc(r,cat(J,b),closed,text=t)), flush=True)
    for w in (.5,.7,1):
        print(f"  mean{w:5}", fmt(acc(r,unit(J[:,0]+w*J[:,1]),shipped)), "| closed", fmt(acc(r,unit(J[:,0]+w*J[:,1]),closed)), flush=True)
