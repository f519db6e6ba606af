"""Published few-shot methods for frozen features, and scores that recognize strangers.

Formulas of logits have x for a query, x_i for a labelled picture, t_c for the text of class c, all
of length 1, and s for the encoder's inverse temperature.
"""
