"""A connection file comes back as written, and any other is refused by its name."""

from __future__ import annotations

import contextlib

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from parallel.errors import ConnectionRefused
from parallel.protocol.connection import ConnectionInfo, Curve, from_json, to_json

curves = st.builds(Curve, server=st.text(), public=st.text(), secret=st.text())
infos = st.builds(
    ConnectionInfo,
    cluster_id=st.text(),
    urls=st.lists(st.text(), min_size=1),
    role=st.text(),
    secret=st.text(),
    location=st.text(),
    curve=st.none() | curves,
    format=st.just("parallel-connection-1"),
)
INFO = ConnectionInfo(
    cluster_id="",
    urls=["tcp://127.0.0.1:5555"],
    role="client",
    secret="secret",
    location="host",
    curve=Curve("server", "public", "secret"),
)
TEXT = to_json(INFO)


@settings(max_examples=30)
@given(infos)
def test_it_comes_back_as_written(info: ConnectionInfo) -> None:
    assert from_json(to_json(info), "file") == info


def test_it_is_text_that_can_be_read() -> None:
    assert TEXT.startswith(b'{\n  "cluster_id": "",\n  "urls": [\n')
    assert TEXT.endswith(b"}\n")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        TEXT[: len(TEXT) // 2],
        TEXT + TEXT,
        b"\x00" * len(TEXT),
        b"\xff\xfe",
        TEXT.replace(b'"client"', b'"\xff"'),
        b"{}",
        b"[]",
        b"null",
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        TEXT.replace(b"connection-1", b"connection-2"),
        to_json(msgspec.structs.replace(INFO, urls=[])),
        # ipyparallel's, which has the same name
        b'{"key": "2a", "location": "host", "registration": 37000, "pack": "json"}',
    ],
    ids=[
        "empty",
        "cut short",
        "twice",
        "zeros",
        "no text",
        "no UTF-8",
        "no fields",
        "a list",
        "null",
        "nested lists",
        "nested objects",
        "another format",
        "no address",
        "another program's",
    ],
)
def test_what_is_none_is_refused_by_its_name(text: bytes) -> None:
    with pytest.raises(ConnectionRefused, match=r"^/security/file\.json "):
        from_json(text, "/security/file.json")


changes = st.tuples(st.integers(0, len(TEXT)), st.integers(0, 5), st.binary(max_size=5))


@given(st.lists(changes, min_size=1, max_size=4))
def test_a_mutated_file_is_refused_or_read(
    changes: list[tuple[int, int, bytes]],
) -> None:
    text = bytearray(TEXT)
    for at, out, put in changes:
        text[at : at + out] = put
    with contextlib.suppress(ConnectionRefused):
        assert isinstance(from_json(bytes(text), "file"), ConnectionInfo)
