# ruff: noqa
import fit as fm, pickle, sys
fm.V[:]=pickle.load(open("val2.pkl","rb")); fm.TR[:]=[t for t in pickle.load(open("train2.pkl","rb"))]
import hyp; from hyp import *
hyp.KEEP[:]=eval(sys.argv[1]); nk=len(hyp.KEEP)
old=hyp.prep
drop=[8]+list(range(10,10+2*nk))
def prep(t):
    F,c,lo,y=old(t); c=c.clone(); c[drop]=0; return F,c,lo,y
hyp.prep=prep
init=hyp.Hyp.__init__
hyp.Hyp.__init__=lambda s,nc,h=32: init(s,nc,h,nk)
net,z=hyp.train(epochs=10,noise=.3); hyp.evaluate(net,z)
