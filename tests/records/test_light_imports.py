"""The server starts without the libraries that only some checks need: they are imported when first used."""

import subprocess
import sys

PROGRAM = """
import sys
import tunesmith.server.datasets.validation, tunesmith.server.datasets.routes
from tunesmith.server.datasets.validation import FileCheck
check = FileCheck("fasta")
check.feed(b">a\\nMKV\\n")
check.finish()
heavy = {"numpy", "scipy", "datasketch", "detect_secrets", "requests"} & set(sys.modules)
assert not heavy, heavy
"""


def test_reading_and_checking_a_few_sequences_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
