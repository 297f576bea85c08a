"""Answers by models: which engine is asked, and OpenAI's chat and completions, and protein generation."""
