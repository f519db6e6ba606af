"""Advice on labelled pictures: what to check first."""
