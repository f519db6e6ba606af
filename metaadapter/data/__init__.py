"""Where pictures come from: folders, manifests and CoOp splits in, upright RGB pictures out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
