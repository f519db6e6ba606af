"""Rank captions for pictures, and pictures for captions."""
