"""Published few-shot methods over frozen features, and the scores that tell strangers."""
