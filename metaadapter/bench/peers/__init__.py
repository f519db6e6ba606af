"""Published few-shot methods over frozen features, and scores that recognize strangers."""
