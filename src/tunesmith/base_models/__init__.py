"""The base models: what there is, where it comes from, how it is loaded and how its prompts are written.

`catalog`, `errors` and `weights` need no torch and are used by the server; `fetch`, `load` and `prompts` serve the
training program and the engine, so that both read the same weights and write the same prompts.
"""
