"""A library: a folder of skill files, each known by its name."""
