"""Encoders by name: open_clip, timm and transformers models, and where their weights come from."""
