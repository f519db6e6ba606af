"""Adapters for programs without this library: ONNX, torch.export, and a page for the web."""
