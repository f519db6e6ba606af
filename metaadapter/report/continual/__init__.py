"""A continual evaluation as a page to read, as Markdown and as JSON."""
