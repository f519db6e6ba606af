"""Methods of an evaluation, by name."""
