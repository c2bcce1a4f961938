"""`python -m parallel.cluster` is `ipcluster`."""

from __future__ import annotations

from ..cli.cluster import main

if __name__ == "__main__":
    main()
