"""Answers by models: which engine is asked, and OpenAI's chat, completions and embeddings, protein
generation and classification."""
