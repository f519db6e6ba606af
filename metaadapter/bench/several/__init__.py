"""Evaluate pictures of several labels: tasks drawn from stores, peers, and scores."""
