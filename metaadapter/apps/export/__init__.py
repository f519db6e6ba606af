"""Adapters as files that run without metaadapter: ONNX, torch.export, and a web page."""
