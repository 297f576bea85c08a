"""The command line: one file a noun. No torch here; what is heavy is imported by the command that needs it."""
