"""Advice on labelled pictures: what to look at first."""
