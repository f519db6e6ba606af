"""Reports on evaluations, as pages, Markdown and JSON."""
