"""Pictures and files: from folders, manifests and CoOp splits to upright RGB pictures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
