"""Published scores that tell pictures of a task's classes from those of none of them.

Each is a pure function of what was asked, the same for all methods, and has one setting. None sees
a stranger, nor two pictures together. docs/unknown.md has their formulas.
"""

from metaadapter.baselines.unknown.asked import Asked, Score
from metaadapter.baselines.unknown.of_answers import energy, msp
from metaadapter.baselines.unknown.of_pictures import mahalanobis, prototype
from metaadapter.baselines.unknown.of_texts import mcm, neg_label

__all__ = ["READ_WORDS", "SCORES", "Asked", "Score"]

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
