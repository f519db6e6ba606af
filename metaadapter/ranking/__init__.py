"""Captions for pictures and pictures for captions, after a few pairs of a domain."""

from metaadapter.ranking.candidates import level_candidates
from metaadapter.ranking.exact_search import Found, search
from metaadapter.ranking.pair_adapter import PairAdapter, fit_pairs
from metaadapter.ranking.stored_pairs import PairsConfig, StoredPairs, load_pairs, store_pairs

__all__ = [
    "Found",
    "PairAdapter",
    "PairsConfig",
    "StoredPairs",
    "fit_pairs",
    "level_candidates",
    "load_pairs",
    "search",
    "store_pairs",
]
