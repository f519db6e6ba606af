"""One user's task, from labelled pictures to predictions, and scikit-learn's face of it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
