"""The work: jobs, their states, the queue with its leases, and the worker protocol."""
