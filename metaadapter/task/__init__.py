"""A few-shot task of a user's own: labelled pictures, queries, predictions and scores."""
