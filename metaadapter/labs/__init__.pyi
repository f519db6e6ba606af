from .ranking.pair_adapter import PairAdapter as PairAdapter
from .ranking.pair_adapter import fit_pairs as fit_pairs
from .ranking.pairs import load_pairs as load_pairs
from .ranking.pairs import store_pairs as store_pairs
from .ranking.rankings import level_candidates as level_candidates
from .ranking.rankings import search as search
from .tuning.tune_inside import tune_inside as tune_inside
