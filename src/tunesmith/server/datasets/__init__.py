"""Files of users: streamed in, checked line by line on the way, listed, read back."""
