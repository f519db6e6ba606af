"""Training inside an encoder's towers for one task, kept if it helps left-out pictures."""
