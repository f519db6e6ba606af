"""Training inside an encoder's image tower for one task, kept if it helps left-out pictures."""
