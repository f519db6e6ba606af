"""Continual learners on sequences of tasks: what they still know, and what they knew before."""
