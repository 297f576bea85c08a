"""Base models of the catalogue, registered models and published checkpoints: names, lineage, files."""
