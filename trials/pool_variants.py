"""Variants: `python -m trials.pool_variants KINDS`, on what dump.py wrote."""
from trials.pool4 import *
V={"a only":lambda t:final(t,lo=2,hi=3)}
for lo,hi in ((.7,.9),(.8,.95),(.85,.97),(.9,1.0)):
    V[f"blend {lo} {hi}"]=lambda t,lo=lo,hi=hi:final(t,lo=lo,hi=hi)
def fin2(t,lo,hi):
    m=em2(t); pi=m["r"].mean(0); n=t["n"]; e=float(pi.min()*n)   # smallest share over an equal one
    th=min(1,max(0,(e-lo)/(hi-lo)))
    a=.45*(10*((m["zq"]-m["centre"])/m["rms"])@m["mu"].T+2*t["lq"]); W=1.2*m["mu"]
    K=t["K"]; b=K/(K+1)*rp(t,W,-W@m["centre"],m["zs"])(t["zq"],m["zq"])
    return th*b+(1-th)*a,m["logit"]
for lo,hi in ((.1,.4),(.2,.6),(.0,.3)): V[f"min {lo} {hi}"]=lambda t,lo=lo,hi=hi:fin2(t,lo,hi)
report(V)
V["eta1.8"]=lambda t:final(t,eta=1.8)
V["s15"]=lambda t:final(t,sharp=15)
V["w3 s15"]=lambda t:final(t,white=3.,sharp=15)
V["w3 s10"]=lambda t:final(t,white=3.)
V["p1.5"]=lambda t:final(t,power=1.5)
report2(V)
