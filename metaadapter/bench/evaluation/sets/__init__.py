"""Picture sets of an evaluation: from stores, with names of a level, without copies."""
