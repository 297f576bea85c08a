"""A finished model on its way out: pushed to the hub, merged into its base, exported as GGUF.

`python -m tunesmith.training.delivery` does the work as a program of its own, for a run (`in_run.py`) and for
`tunesmith models push` and `export`: what fails or takes too much memory here can never cost the model.
"""
