"""Runs the examples of pages and shows what each of them gives.

python -m tests.docs docs/rest.md
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .blocks import blocks_of
from .server import serving
from .session import Failed, Session


def main() -> int:
    failures = 0
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
            session = Session(server, Path(folder))
            for block in blocks_of(Path(name).absolute()):
                try:
                    session.run(block)
                except Failed as error:
                    failures += 1
                    print(f"FAILED {error}\n")
                else:
                    if "-v" in sys.argv[1:2] or not block.is_output:
                        print(f"ok {block.place}\n{session.last[:1500]}")
            session.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
