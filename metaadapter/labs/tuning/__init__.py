"""Training inside an encoder's towers for one task, where left-out pictures bear it out."""
