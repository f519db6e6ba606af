"""Bottlenecks inside the blocks of an image tower, and their places."""
