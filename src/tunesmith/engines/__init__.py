"""The embedded engine: a process of its own that answers with base and tuned models for the server."""
