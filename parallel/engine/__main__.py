"""`python -m parallel.engine` is `ipengine`."""

from __future__ import annotations

from ..cli.engine import main

if __name__ == "__main__":
    main()
