"""What stands for a connection stays in its process."""

from __future__ import annotations

import pytest

from parallel.client.pickling import refuse_pickling


def test_some_objects_refuse() -> None:
    with pytest.raises(TypeError, match="a Client stands for a connection"):
        refuse_pickling("Client")
