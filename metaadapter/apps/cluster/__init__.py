"""Shards as jobs on a Ray cluster."""
