"""Work with camera traps: detectors' boxes, series, species that occur, and what others read."""
