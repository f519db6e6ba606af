"""Predicts CLIP-Adapter weights from a handful of labelled pictures in one forward pass.

The names of `__init__.pyi` load when they are first used, so `import metaadapter` stays cheap.
"""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name != "__version__":
        return _load(name)
    from importlib.metadata import version

    return version("metaadapter")
