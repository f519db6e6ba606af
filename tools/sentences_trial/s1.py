"""Sentences: zero-shot and few-shot accuracy of text variants of tiny."""
import sys; sys.path.insert(0,'/tmp/see')
from lab import *
import re
from collections import defaultdict
LEX={3:"tops",4:"act",5:"animal",6:"artifact",8:"body",13:"food",17:"object",18:"person",20:"plant",27:"substance"}
syn={}; idx=defaultdict(list)
for line in open('/tmp/wn/package/dict/data.noun',encoding='latin1'):
    if line.startswith(' '): continue
    head,_,gloss=line.partition(' | '); f=head.split(); off=f[0]; lex=int(f[1]); n=int(f[3],16)
    words=[f[4+2*i].replace('_',' ') for i in range(n)]; p=4+2*n; np_=int(f[p]); ptrs=[(f[p+1+4*i],f[p+2+4*i]) for i in range(np_)]
    syn[off]=(lex,words,[o for t,o in ptrs if t in('@','@i')],gloss.strip().split('; "')[0])
for line in open('/tmp/wn/package/dict/index.noun',encoding='latin1'):
    if line.startswith(' '): continue
    f=line.split(); idx[f[0].replace('_',' ')]=f[-int(f[2]):]
PHYS={5,6,8,13,17,18,20,27}
def lookup(name):
    n=name.lower().strip()
    for c in (n, n.replace('-',' '), n.rstrip('s'), n[:-2] if n.endswith('es') else n, n[:-3]+'y' if n.endswith('ies') else n, n.split()[-1], n.split()[-1].rstrip('s')):
        if c in idx:
            s=[o for o in idx[c] if syn[o][0] in PHYS] or idx[c]
            return s[0]
    return None
def sents(name):
    o=lookup(name); 
    if o is None: return dict(syn=[],hyp=[],gloss=[])
    lex,words,hyp,gloss=syn[o]
    others=[w for w in words if w.lower()!=name.lower()]
    h=syn[hyp[0]][1][0] if hyp else None
    return dict(syn=others,hyp=[h] if h else [],gloss=[re.sub(r'\(.*?\)','',gloss).strip()])
def emb(lists):  # list of list of str -> mean unit, zeros if empty
    out=np.zeros((len(lists),512),np.float32)
    for i,l in enumerate(lists):
        if l: out[i]=unit(enc.encode_texts(l).mean(0))
    return out
def variants(r):
    names=[readable_name(c) for c in r.classes]; S=[sents(n) for n in names]
    name=enc.encode_texts(names); sy=emb([s['syn'] for s in S]); hy=emb([s['hyp'] for s in S]); gl=emb([[f"{n}, {s['gloss'][0]}"] if s['gloss'] else [] for n,s in zip(names,S)]); gl2=emb([s['gloss'] for s in S])
    nh=emb([[f"{n}, a kind of {s['hyp'][0]}"] if s['hyp'] else [] for n,s in zip(names,S)])
    V={'name':name,'+.5syn':unit(name+.5*sy),'+syn':unit(name+sy),'+.5hyp':unit(name+.5*hy),'+nh':unit(name+nh),'+.5gl':unit(name+.5*gl2),'+ngl':unit(name+gl),'+all':unit(name+.5*sy+.3*hy+.5*gl)}
    return V,S
if __name__=="__main__":
  tot={}
  for nm in sys.argv[1:]:
    r=Raw(nm); V,S=variants(r); print(nm,len(r.classes),flush=True)
    if len(r.classes)<=12: 
        for c,s in zip(r.classes,S): print('   ',c,s)
    X=r.joint[:,0]; X2=np.concatenate([r.joint[:,0],.7*r.joint[:,1]],1)/np.sqrt(1.49)
    for k,t in V.items():
        z=100*((X@t.T).argmax(1)==r.y).mean()
        T2=np.concatenate([t,.7*t],1)/np.sqrt(1.49)
        a=run2(r,X2,T2) if 0 else None
        src=replace(source(r,X2,T2),blocks=(512,512)); T=StoreTasks.draw(src,30)
        a=[T.accuracy_T(shipped,kk).mean() for kk in T.shots]
        print(f"  {k:8} zs {z:5.1f} | {fmt(a)}",flush=True); tot.setdefault(k,[]).append([z,*a])
  for k,v in tot.items(): print(f"mean {k:8}",fmt(np.mean(v,0)))
