"""The command line of the scripts that compare what Zoetrope saved: MODEL EXPECTED [MODEL EXPECTED ...]."""

import sys


def compare(agrees, usage):
    """Calls `agrees(model, expected)` for each pair of paths; ends the program with 1 where one is not true."""
    paths = sys.argv[1:]
    if not paths or len(paths) % 2:
        sys.exit(usage)
    results = [agrees(*pair) for pair in zip(paths[::2], paths[1::2], strict=True)]
    sys.exit(0 if all(results) else 1)
