"""Random damage that searches for silent wrong results; see docs/explanation/robustness.md."""
