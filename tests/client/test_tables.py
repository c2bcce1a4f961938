"""Tables are plain HTML in which nothing that is shown can be more than text."""

from __future__ import annotations

from html.parser import HTMLParser

from parallel.client.tables import ROWS, Table


class Reader(HTMLParser):
    """Notes the tags and the text of some HTML."""

    def __init__(self, html: object) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(str(html))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_whatever_is_shown_is_text() -> None:
    evil = "<script>alert('x')</script>&amp;\"'"
    table = Table(evil, evil).add_facts([(evil, evil)]).add_grid([evil], [[evil]])
    read = Reader(table)
    assert "script" not in read.tags
    assert "".join(read.text).count(evil) == 6


def test_there_is_no_style() -> None:
    html = str(Table("Kind", "fares").add_facts([("a", 1)]).add_grid(["b"], [[2]]))
    assert "style" not in html
    assert "class" not in html
    assert Reader(html).text == ["Kind", " fares", "a", "1", "b", "2"]


def test_of_many_rows_the_first_are_shown() -> None:
    html = Table("Kind").add_grid(["n"], [[i] for i in range(ROWS + 5)])
    text = Reader(html).text
    assert str(ROWS - 1) in text
    assert str(ROWS) not in text
    assert text[-1] == "… and 5 more"


def test_what_is_empty_is_left_out() -> None:
    assert "table" not in Reader(Table("Kind").add_facts([]).add_grid(["n"], [])).tags
