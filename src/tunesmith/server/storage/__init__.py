"""Bytes by their sha256: written once while they stream in, read by range, linked by signature, staged by workers."""
