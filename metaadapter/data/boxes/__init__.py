"""Boxes in pictures, in the formats of other programs: every format is read into one value."""
