from lab import *
from b1 import gen_equal, run, stage_parts
tot={}
A=.7
rng=np.random.default_rng(0)
R512=rng.standard_normal((992,512)).astype(np.float32)/np.sqrt(512)
R256=rng.standard_normal((992,256)).astype(np.float32)/np.sqrt(256)
S1=[256/ (1), ]
for name in sys.argv[1:]:
    r=Raw(name); print(name,flush=True)
    j=[r.joint[:,0],r.joint[:,1]]; raw=[unit(r.pooled[:,v]) for v in range(2)]
    st=[unit(r.stages[:,v]) for v in range(2)]
    # each stage's mean and std block unit then joined
    sg=[stage_parts(r,v,False) for v in range(2)]
    mean_both=unit(st[0]+.7*st[1])
    last=unit(r.stages[:,0][:,352:]) # stages 112 & 320 : offset 2*(24+40)=128 ; 128+224=352
    last2=unit(r.stages[:,0][:,128:])
    confs={"2look":(j,[1,A])}
    for w in (.25,.5,.8): confs[f"s0 {w}"]=(j+[st[0]],[1,A,w])
    for w in (.5,): 
        confs[f"s0+s1 {w}"]=(j+st,[1,A,w,w*A])
        confs[f"smean {w}"]=(j+[mean_both],[1,A,w])
        confs[f"sg0 {w}"]=(j+[sg[0]],[1,A,w])
        confs[f"sg {w}"]=(j+sg,[1,A,w,w*A])
        confs[f"R512 {w}"]=(j+[unit(st[0]@R512)],[1,A,w])
        confs[f"R256 {w}"]=(j+[unit(st[0]@R256)],[1,A,w])
        confs[f"last {w}"]=(j+[last],[1,A,w])
        confs[f"last2 {w}"]=(j+[last2],[1,A,w])
        confs[f"s0 t0 {w}"]=(j+[st[0],raw[0]],[1,A,w,w])
        confs[f"s t {w}"]=(j+st+raw,[1,A,w,w*A,w,w*A])
    for tag,(parts,w) in confs.items():
        a=run(r,parts,gen_equal(w),n=30); tot.setdefault(tag,[]).append(a); print(f"  {tag:10}",fmt(a),flush=True)
print("mean")
for t,v in tot.items(): print(f"  {t:10}",fmt(np.mean(v,0)))
