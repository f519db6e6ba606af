"""Adapters as values: their weights, what they do, and the folder they are kept in."""

from metaadapter.adapter.apply import apply_adapter, classify
from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.files import StoredAdapter, SupportSet, load_adapter, save_adapter
from metaadapter.adapter.weights import AdapterWeights

__all__ = [
    "AdapterConfig",
    "AdapterWeights",
    "StoredAdapter",
    "SupportSet",
    "apply_adapter",
    "classify",
    "load_adapter",
    "save_adapter",
]
