"""The place of a phrase in a picture."""
