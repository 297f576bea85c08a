"""What happened to each job, in order, and streams that follow it."""
