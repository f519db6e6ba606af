# ruff: noqa
import fit as fm, pickle, sys
fm.V[:]=pickle.load(open("val2.pkl","rb")); fm.TR[:]=pickle.load(open("train2.pkl","rb"))
import hyp
net,z=hyp.train(epochs=15); hyp.evaluate(net,z)
