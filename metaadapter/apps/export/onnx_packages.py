"""The packages that make and run ONNX files, which are optional."""

from __future__ import annotations

from importlib import import_module

from metaadapter.errors import MissingPackage


def require_onnx() -> None:
    """Check that ONNX files can be made and run here.

    Raises:
        MissingPackage: A package is not installed, or does not load.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            import_module(name)
        except ImportError as error:
            raise MissingPackage(
                f"an ONNX file is made with the package {name}, which cannot be imported "
                f"({error}); install the extra: pip install 'metaadapter[onnx]'"
            ) from error
