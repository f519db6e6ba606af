"""Pictures of a user through an adapter: queries, probabilities and the table of predictions."""
