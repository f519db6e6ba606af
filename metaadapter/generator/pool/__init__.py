"""Unlabelled pictures of a task, and what they add to the adapter."""
