"""Published scores that separate known pictures from unknown ones.

Each score is a pure function of answered queries, the same for all methods, with one setting. No
score sees a stranger in advance, or two queries together. docs/explanation/unknown.md has the
formulas.
"""

from metaadapter.bench.peers.unknown.of_answers import energy, msp
from metaadapter.bench.peers.unknown.of_pictures import mahalanobis, prototype
from metaadapter.bench.peers.unknown.of_texts import mcm, neg_label
from metaadapter.bench.peers.unknown.queries import Score

SCORES: dict[str, Score] = {
    "msp": msp,
    "energy": energy,
    "mcm": mcm,
    "neglabel": neg_label,
    "mahalanobis": mahalanobis,
    "prototype": prototype,
}
"""The scores by name, which is the suffix of a method, as in `GDA@energy`."""

READ_WORDS = frozenset({"neglabel"})
"""The scores that need words beside the class names."""
