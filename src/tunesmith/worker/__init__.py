"""The worker: pulls jobs over HTTP, trains in a child process, reports, uploads. No torch in this process."""
