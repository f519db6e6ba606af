"""A case study on labelled frames: how well several methods tell species on the same draws."""
