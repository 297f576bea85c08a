"""Speed, measured: each bench runs a peer beside ours in one interleaved run and prints the ratio."""
