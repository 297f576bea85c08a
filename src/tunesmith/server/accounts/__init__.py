"""People, projects, API keys, who is calling."""
