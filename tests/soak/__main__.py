"""What `scripts/soak` runs."""

from __future__ import annotations

import sys

from tests.soak.command import main

if __name__ == "__main__":
    sys.exit(main())
