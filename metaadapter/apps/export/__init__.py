"""Adapters as files that run without metaadapter: ONNX, TFLite, and a web page."""

import os

# Otherwise onnxruntime sends reports of its use over the network, and writes an identifier of the
# machine into the user's cache. It reads this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
