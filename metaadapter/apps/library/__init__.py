"""Adapters that live together: a folder of skill files, each with a name of its own."""
