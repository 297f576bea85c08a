"""What the demonstration trains on: protein families that come with the package, and the documentation of Python."""
