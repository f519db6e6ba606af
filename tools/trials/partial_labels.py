"""Processor time of several labels with labels that are not known.

    python -m tools.trials.partial_labels N_PICTURES N_CLASSES SHARE_OF_KNOWN_NEGATIVES
"""
# ruff: noqa

import time, sys, numpy as np, torch
torch.set_num_threads(1); torch.set_grad_enabled(False)
from metaadapter.generator.several_labels import several_labels
from metaadapter.adapter.labelled_rows import LabelledRows
n,C,share=int(sys.argv[1]),int(sys.argv[2]),float(sys.argv[3])
rng=np.random.default_rng(0); D=256
dirs=rng.normal(size=(C,D)); shows=rng.random((n,C))<min(.4,4/C); shows[np.arange(C)%n,np.arange(C)]=True
rows=shows@dirs+rng.normal(size=(n,D)); rows/=np.linalg.norm(rows,axis=1,keepdims=True)
texts=dirs/np.linalg.norm(dirs,axis=1,keepdims=True)
known=shows|(rng.random((n,C))<share)
lab=LabelledRows(*(torch.from_numpy(x) for x in (rows,shows,known)))
sup=lab.by_class(torch.from_numpy(texts))
t=time.process_time(); r=several_labels(sup,lab); t=time.process_time()-t
print(n,C,share,f"{t:.2f} s", float(r.left_out_NC.sum()), float(r.weights.values.abs().sum()))
