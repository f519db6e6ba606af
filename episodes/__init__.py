"""Few-shot tasks over labelled feature tables: a leaf that knows labels, rows and tensors only."""

from episodes.batch import EpisodeBatch

__all__ = ["EpisodeBatch"]
