"""Captions for pictures and pictures for captions."""
