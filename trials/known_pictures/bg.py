# ruff: noqa
from draw import *
from metaadapter.adapter import known_probabilities, known_threshold
gen,_=shared_generator(sys.argv[1] if len(sys.argv)>1 else "default")
d=get("camtrap-us"); print(d.classes)
e=d.classes.index("empty"); others=[c for c in range(len(d.classes)) if c!=e]
far=get("trashnet6.large")
for K in (1,3,10):
    for B in (0,1,4,10):
        R=[]
        for seed in range(20):
            rng=np.random.default_rng(seed); rows={c:rng.permutation(np.nonzero(d.labels_n==c)[0]) for c in range(len(d.classes))}
            f=lambda idx: d.look_up(torch.from_numpy(np.asarray(idx)))
            lab=[];R_=[]
            for i,c in enumerate(others): R_.append(f(rows[c][:K])); lab+= [i]*K
            text=[d.text_CD[c] for c in others]
            if B: R_.append(f(rows[e][:B])); lab+=[4]*B; text.append(torch.zeros_like(text[0]))
            sup=Support.of_rows(torch.cat(R_),torch.tensor(lab),torch.stack(text),logit_scale=d.logit_scale,blocks=d.blocks)
            w=gen.predict(sup).task(0)
            q=torch.cat([f(rows[c][20:]) for c in others]); y=torch.cat([torch.full((len(rows[c])-20,),i) for i,c in enumerate(others)])
            em=f(rows[e][10:])
            P=classify(q,w).softmax(-1); pe=classify(em,w).softmax(-1)
            t=known_threshold(w).item()
            fx=far.look_up(torch.from_numpy(rng.permutation(far.features[0].shape[0])[:60]))
            rej=lambda X,p: ((known_probabilities(X,w)<t)|((p.argmax(-1)==4) if B else torch.zeros(len(X),dtype=bool))).float().mean().item()
            R.append([(P.argmax(-1)==y).float().mean().item(), rej(q,P), rej(em,pe), (pe.argmax(-1)==4).float().mean().item() if B else 0, rej(fx,classify(fx,w).softmax(-1))])
        print("K",K,"B",B,"acc %.1f lost %.1f empties caught %.1f (as background %.1f) far caught %.1f"%tuple(100*np.mean(R,0)))
