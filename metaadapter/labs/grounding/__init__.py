"""Where in a picture."""
