"""Results on disk: files written whole, hashes, and the database of what is under way."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
