"""A study of labelled frames of camera traps: several methods on the same draws of scenes."""
