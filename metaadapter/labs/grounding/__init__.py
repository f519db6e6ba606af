"""Find the place of a phrase in a picture."""
