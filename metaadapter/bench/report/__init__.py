"""Reports of evaluations as pages, Markdown and JSON."""
