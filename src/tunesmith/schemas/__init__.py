"""Wire shapes: pydantic models and pure functions over them. No I/O, no torch."""
