"""The text of a stream is told once, whatever it is told in, and stays bounded."""

from __future__ import annotations

import pytest

from parallel.client import printed
from parallel.client.printed import Printed
from parallel.state import excerpt
from parallel.state.excerpt import Excerpt

HALF, MARK = 40_000, 64


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut what is printed at a hundredth of what is cut else."""
    monkeypatch.setattr(excerpt, "HALF", HALF)
    monkeypatch.setattr(printed, "MARK", MARK)


def read_on(stream: Printed, told: list[int]) -> str:
    text, told[0] = stream.since(told[0])
    return text


def test_it_is_told_bit_by_bit() -> None:
    stream, told = Printed(), [0]
    heard = ""
    for word in ("one ", "two ", "", "three"):
        stream.add(word)
        heard += read_on(stream, told)
    assert heard == stream.text == "one two three"
    assert read_on(stream, told) == ""


def test_a_result_tells_again_what_came_before_it() -> None:
    stream, told = Printed(), [0]
    stream.add("early ")
    assert read_on(stream, told) == "early "
    stream.settle("early and late")
    stream.add(" and later")
    assert read_on(stream, told) == "and late and later"
    assert stream.text == "early and late and later"
    assert stream.since(0)[0] == stream.text


def test_of_too_much_the_begin_and_the_end_are_kept_and_the_cut_is_told() -> None:
    stream = Printed()
    for i in range(100):
        stream.add(f"{i:07d}\n" * 1_250)
    assert len(stream.text) < 2 * HALF + 100
    assert stream.text.startswith("0000000\n")
    assert stream.text.endswith("0000099\n")
    cut = 1_000_000 - 2 * HALF
    assert f"[... {cut:,} characters of output cut here ...]" in stream.text


def test_who_reads_along_is_told_all_of_what_is_cut_later() -> None:
    stream, told, heard = Printed(), [0], 0
    for _ in range(50):
        stream.add("x" * 9_999 + "\n")
        heard += len(read_on(stream, told))
    assert heard == 500_000


def lines(count: int) -> str:
    return "".join(f"{i:09d}\n" for i in range(count))


def test_who_reads_along_hears_the_end_of_a_result_that_was_cut_elsewhere() -> None:
    stream, told = Printed(), [0]
    text = lines(HALF // 5 + 1000)
    stream.add(text)
    read_on(stream, told)
    stream.settle(text[:HALF] + "\n[cut]\n" + text[9_000 - HALF :] + "and the end")
    assert read_on(stream, told) == "and the end"
    stream.add(", later")
    assert read_on(stream, told) == ", later"


def test_who_reads_along_hears_the_end_of_a_result_whose_end_was_too_much() -> None:
    stream, told = Printed(), [0]
    text = lines(HALF // 10 + 1000)  # of this, nothing was cut
    stream.add(text)
    read_on(stream, told)
    whole = text + lines(HALF // 5).replace("0", "z")
    stream.settle(whole[:HALF] + "\n[cut]\n" + whole[-HALF:])
    assert read_on(stream, told) == "\n[cut]\n" + whole[-HALF:]


@pytest.mark.parametrize("each", [999, 9_999, 39_999, 99_999])
def test_nobody_who_reads_along_hears_less_than_the_result_tells(each: int) -> None:
    stream, told, there = Printed(), [0], Excerpt()
    heard = ""
    for i in range(8):
        text = f"{i}" + "x" * each
        there.add(text)
        stream.add(text)
        heard += read_on(stream, told)
    there.add("and the end")
    stream.settle(there.text)
    heard += read_on(stream, told)
    assert heard.startswith(there.begin)
    assert heard.endswith(there.end)


def test_last_words_go_on_where_previews_ended() -> None:
    stream, told = Printed(), [0]
    text = "".join(f"{i}\n" for i in range(5_000))
    stream.add(text)
    read_on(stream, told)
    stream.end((text + "last words\n")[-6_000:])
    assert stream.text == text + "last words\n"
    assert read_on(stream, told) == "last words\n"


def test_last_words_that_are_all_replace_previews() -> None:
    stream = Printed()
    stream.add("early ")
    stream.end("early and last")
    assert stream.text == "early and last"


def test_without_last_words_previews_stay() -> None:
    stream = Printed()
    stream.add("early")
    stream.end("")
    assert stream.text == "early"


def test_last_words_with_a_gap_before_them_are_all_told() -> None:
    stream = Printed()
    stream.add("y" * (MARK * 4))
    stream.end("z" * MARK * 2)
    assert stream.text.endswith("y" + "z" * MARK * 2)
