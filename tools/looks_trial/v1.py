from lab import *
for name in sys.argv[1:]:
    r=Raw(name); J=r.joint
    print(name, "shorter side", np.median(r.sizes.min(1)))
    for tag,X in {"centre":J[:,0],"c+zoom":unit(J[:,:2].mean(1)),"c+.5zoom":unit(J[:,0]+.5*J[:,1]),"c+mirror":unit(J[:,[0,2]].mean(1)),"c+m+z":unit(J.mean(1)),"zoom":J[:,1]}.items():
        print(f"  {tag:9}", fmt(acc(r,X,shipped)), "| closed", fmt(acc(r,X,closed)), flush=True)
