"""Of a text that is too long its begin and its end are kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel.state import excerpt
from parallel.state.excerpt import Excerpt


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Keep five characters at each end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(excerpt, "HALF", 5)
        yield


def made_of(*texts: str) -> Excerpt:
    found = Excerpt()
    for text in texts:
        found.add(text)
    return found


@given(st.lists(st.text("ab\n", max_size=12)))
def test_it_does_not_matter_in_what_pieces_a_text_comes(texts: list[str]) -> None:
    pieces, at_once = made_of(*texts), made_of("".join(texts))
    assert pieces.text == at_once.text
    assert len(pieces) == len("".join(texts))


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_follows_can_be_added_though_it_was_cut(first: str, second: str) -> None:
    whole = made_of(first)
    whole.extend(made_of(second))
    assert len(whole) == len(first + second)
    assert (first + second).startswith(whole.begin)
    assert (first + second).endswith(whole.end)
    assert len(whole.begin + whole.end) <= 10


def test_what_nobody_read_is_missing_with_what_was_before_it() -> None:
    found = made_of("begin", "middle")
    found.skip(1000)
    found.add("end")
    assert found.text == "begin\n[... 1,006 characters of output cut here ...]\nend"


def test_behind_what_is_missing_is_the_end_though_the_begin_is_short() -> None:
    found = made_of("b")
    found.skip(7)
    found.add("end")
    assert (found.begin, found.cut, found.end) == ("b", 7, "end")


def test_it_is_told_from_a_place_on() -> None:
    found = made_of("begin", "0123456789", "the end")
    assert found.since(len(found) - 3) == "end"
    assert found.since(3) == "in\n[... 12 characters of output cut here ...]\ne end"
