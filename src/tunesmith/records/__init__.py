"""Training records from upload to gradient: formats, splitting bytes, parsing, and what is odd about the data.

The server's streaming checks and the training program read through `read.py`, so that a line that passed the upload is
a line that trains. Imports only schemas/; datasketch and detect-secrets are imported where they are first needed.
"""
