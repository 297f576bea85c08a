"""One file a noun: what can be asked of the server about it."""
