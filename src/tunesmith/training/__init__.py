"""The training program: `python -m tunesmith.training spec.json out/`. A spec goes in, a folder comes out.

In `out/`: `progress.jsonl` while it runs, `checkpoints/` with complete folders only, and at the end either `model/` and
`result.json`, or `failure.json`. Only `__main__` and `progress` are imported before torch.
"""
