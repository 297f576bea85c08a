"""Starting Tunesmith's processes and keeping them running."""
