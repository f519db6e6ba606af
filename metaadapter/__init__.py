"""Predicts CLIP-Adapter weights from a handful of labelled pictures in one forward pass.

The names of `__init__.pyi` load when they are first used, so `import metaadapter` stays cheap.
"""

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("metaadapter")
