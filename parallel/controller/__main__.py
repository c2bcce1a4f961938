"""`python -m parallel.controller` is `ipcontroller`."""

from __future__ import annotations

from ..cli.controller import main

if __name__ == "__main__":
    main()
