"""Feature stores: folders of features with the paths, labels and hashes of their pictures."""
