"""Published scores that tell pictures of a task's classes from those of none of them.

Each is a pure function of what was asked, the same for all methods, and has one setting. None sees
a stranger, nor two pictures together. docs/explanation/unknown.md has their formulas.
"""

from metaadapter.bench.peers.unknown.asked import Score
from metaadapter.bench.peers.unknown.of_answers import energy, msp
from metaadapter.bench.peers.unknown.of_pictures import mahalanobis, prototype
from metaadapter.bench.peers.unknown.of_texts import mcm, neg_label

SCORES: dict[str, Score] = {
    "msp": msp,
    "energy": energy,
    "mcm": mcm,
    "neglabel": neg_label,
    "mahalanobis": mahalanobis,
    "prototype": prototype,
}
"""The scores by their names, which stand behind that of a method, as in `GDA@energy`."""

READ_WORDS = frozenset({"neglabel"})
"""Those that need words beside the class names."""
