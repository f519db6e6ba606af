"""Camera traps: detections, series, the species of a place, and files for other programs."""
