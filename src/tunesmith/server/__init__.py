"""The control plane: API, queue, registry, routing. Imports and runs without torch."""
