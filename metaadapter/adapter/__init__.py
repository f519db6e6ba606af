"""Adapters as values: their weights, what they do, and the folder they are kept in."""

from metaadapter.adapter.apply import apply_adapter, classify
from metaadapter.adapter.weights import AdapterWeights

__all__ = ["AdapterWeights", "apply_adapter", "classify"]
