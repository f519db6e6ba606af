"""Read folders and manifests of pictures, decode pictures, and write files safely."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
