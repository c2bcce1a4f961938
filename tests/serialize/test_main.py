"""What came along with a function is renewed, and never takes the user's place."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from parallel.serialize.main import adopt, gathered, main_namespace
from tests.serialize.session import Session


@pytest.fixture(autouse=True)
def session() -> Iterator[Session]:
    with Session() as session:
        yield session


def test_the_namespace_is_that_of_main(session: Session) -> None:
    session.run("a = 1")
    assert main_namespace()["a"] == 1
    assert main_namespace() is vars(sys.modules["__main__"])


def test_what_lacks_is_adopted(session: Session) -> None:
    adopt("a", 1)
    assert session.value("a") == 1


def test_what_was_adopted_is_renewed(session: Session) -> None:
    adopt("a", 1)
    adopt("a", 2)
    assert session.value("a") == 2


def test_what_the_user_has_stays(session: Session) -> None:
    session.run("a = 'mine'")
    adopt("a", 1)
    assert session.value("a") == "mine"


def test_what_the_user_changed_stays(session: Session) -> None:
    adopt("a", 1)
    session.run("a = 'mine'")
    adopt("a", 2)
    assert session.value("a") == "mine"


def test_what_the_user_deleted_is_adopted_again(session: Session) -> None:
    adopt("a", 1)
    session.run("del a")
    adopt("a", 2)
    assert session.value("a") == 2


def test_a_new_main_begins_afresh(session: Session) -> None:
    adopt("a", 1)
    with Session() as other:
        assert "a" not in vars(other.module)
        adopt("a", 2)
        assert other.value("a") == 2


def test_what_is_gathered_is_not_adopted_yet(session: Session) -> None:
    session.run("a = 'mine'")
    with gathered() as names:
        adopt("a", 1)
        adopt("b", 2)
    assert names == [("a", 1), ("b", 2)]
    assert "b" not in vars(session.module)
    for name, value in names:
        adopt(name, value)
    assert (session.value("a"), session.value("b")) == ("mine", 2)


def test_after_an_error_names_are_adopted_again(session: Session) -> None:
    def gather_and_raise() -> None:
        with gathered():
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        gather_and_raise()
    adopt("a", 1)
    assert session.value("a") == 1
