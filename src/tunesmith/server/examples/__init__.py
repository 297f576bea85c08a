"""Examples: the demonstration's runs, started as ordinary jobs on ordinary data sets."""
