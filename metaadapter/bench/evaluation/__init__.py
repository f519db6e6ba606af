"""Methods measured on the same tasks of feature stores, and what their figures may claim."""
