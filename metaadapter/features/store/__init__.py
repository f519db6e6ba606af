"""The folder that keeps features, with what is needed to trust them, share and continue them."""
