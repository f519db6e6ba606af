"""Files and documents on a disk: read with care, written as a whole, proved by their hashes."""
