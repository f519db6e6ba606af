"""Captions in order for pictures, and pictures for captions."""
