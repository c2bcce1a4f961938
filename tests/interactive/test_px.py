"""`%px` and `%%px` run code on engines, and show what comes of it, once."""

from __future__ import annotations

import re

import pytest

from parallel import AsyncResult, Client
from tests.interactive.conftest import Session

pytestmark = pytest.mark.slow


def test_a_value_is_shown_for_each_engine_in_order(session: Session) -> None:
    session.run("%px import os")
    assert session.run("%px os.getpid() > 0").count(": True") == 2
    shown = session.run("%px 1 + 1").splitlines()
    assert [line.partition(":")[0] for line in shown] == ["Out[0", "Out[1"]
    assert all(line.endswith("]: 2") for line in shown)


def test_names_stay_on_the_engines(session: Session, cluster: Client) -> None:
    assert session.run("%px x = 5") == ""
    assert cluster[:].pull("x", block=True) == [5, 5]
    assert "x" not in session.shell.user_ns


def test_what_is_printed_has_its_engine_before_it(session: Session) -> None:
    shown = session.run("%%px\nimport sys\nprint('o')\nprint('e', file=sys.stderr)")
    assert sorted(shown.splitlines()) == [
        "[stderr:0] e", "[stderr:1] e", "[stdout:0] o", "[stdout:1] o",
    ]  # fmt: skip


def test_what_ipython_understands_is_understood(session: Session) -> None:
    assert session.run("%px !echo $((20 + 3))").count("23") == 2
    assert session.run("%px %timeit -n1 -r1 pass").count(" per loop") == 2
    cell = "%%px\nimport asyncio\nawait asyncio.sleep(0)\n8"
    assert session.run(cell).count("]: 8\n") == 2
    assert session.run("%%px -t 0\n%%time\n7").count("Wall time") == 1
    session.run("%px who_said = 'me'")
    assert session.run("%px %who").count("who_said") == 2


def test_a_magic_needs_no_percent_sign_there(session: Session) -> None:
    assert session.run("%px cd /").count("/") >= 2


def test_names_of_the_session_are_put_into_the_options_alone(session: Session) -> None:
    session.run("name = 'here'\n%px name = 'there'")
    assert session.run("%px print('{name} $name')").count("{name} $name") == 2
    session.run("engine = 1")
    assert session.run("%%px -t $engine\nprint('only')") == "[stdout:1] only\n"


def test_displays_come_with_their_engine(session: Session) -> None:
    shown = session.run("%px display('figure')")
    assert sorted(shown.splitlines()) == [
        "'figure'", "'figure'", "[output:0]", "[output:1]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("targets", "engines"),
    [
        ("all", "01"), ("0", "0"), ("-1", "1"), ("::2", "0"), ("1:", "1"),
        ("[1]", "1"), ("0,1", "01"), (":", "01"), ("mine", "1"), ("range(2)", "01"),
        ('"[0, 1]"', "01"), ("'range(0, 1)'", "0"), ('"all"', "01"),
    ],
)  # fmt: skip
def test_engines_are_chosen_for_a_cell(
    session: Session, targets: str, engines: str
) -> None:
    session.run("mine = [1]")
    shown = session.run(f"%%px -t {targets}\nprint('me')")
    assert sorted(shown.splitlines()) == [f"[stdout:{each}] me" for each in engines]
    assert session.run("%px print('me')").count("me") == 2


def test_who_does_not_wait_gets_the_result(session: Session) -> None:
    shown = session.run("%%px --noblock --out kept\n3")
    assert "<AsyncResult(%px)" in shown
    ar = session["kept"]
    assert isinstance(ar, AsyncResult)
    assert [reply.data["text/plain"] for reply in ar.get()] == ["3", "3"]


def test_the_last_result_is_shown_again(session: Session) -> None:
    session.run("%%px -a\nprint('said')\n4")
    shown = session.run("%pxresult -o again")
    assert shown.startswith("[stdout:0] said\n[stdout:1] said\nOut[0:")
    assert session.run("%result") == shown
    assert [reply.stdout for reply in session["again"].get()] == ["said\n"] * 2
    shown = session.run("%pxresult -e")
    begins = [line.partition(":")[0] for line in shown.splitlines()]
    assert begins == ["[stdout", "Out[0", "[stdout", "Out[1"]


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--group-outputs type", "0A 0B 1A 1B Out0 Out1"),
        ("--group-outputs engine", "0A 0B Out0 1A 1B Out1"),
        ("-e", "0A 0B Out0 1A 1B Out1"),
        ("-r", "0A 1A 0B 1B Out0 Out1"),
    ],
)
def test_what_is_not_streamed_is_grouped(
    session: Session, option: str, shown: str
) -> None:
    session.run("rc[:].scatter('rank', [0, 1], flatten=True).get()")
    told = session.run(
        f"%%px --no-stream {option}\nfor each in 'AB': display(f'{{rank}}{{each}}')\n0"
    )
    found = re.findall(r"\d[AB]|Out\[\d", told)
    assert " ".join(found).replace("[", "") == shown


def test_options_of_a_cell_are_for_it_alone(session: Session) -> None:
    shown = session.run("%%px --verbose -a -t 1\npass")
    assert shown.startswith("Async parallel execution on engine(s): 1\n")
    assert session.run("%px print('a')").count("a\n") == 2


def test_defaults_are_set(session: Session) -> None:
    assert session.run("%pxconfig --verbose --targets 1") == ""
    shown = session.run("%px print('one')")
    assert shown == "Parallel execution on engine(s): 1\n[stdout:1] one\n"
    session.run("%pxconfig --targets all --no-verbose --noblock")
    assert "<AsyncResult" in session.run("%px 1")
    session.run("%pxconfig --block")
    assert session.run("%px 1").count("]: 1") == 2


def test_a_cell_runs_here_too(session: Session) -> None:
    shown = session.run("%%px --local\nprint('both')\nlocal = 5")
    assert shown.splitlines()[0] == "both"
    assert sorted(shown.splitlines()[1:]) == ["[stdout:0] both", "[stdout:1] both"]
    assert session["local"] == 5


def test_a_bar_that_engines_draw_is_shown_as_it_ends(session: Session) -> None:
    cell = "%%px --no-stream -t 0\nfor i in range(3): print(i, end='\\r')\nprint()"
    assert session.run(cell).split() == ["2"]


def test_magics_with_a_suffix_have_a_view_of_their_own(session: Session) -> None:
    session.run("first = rc.activate([0], '_first')")
    assert session.run("%px_first print('me')") == "[stdout:0] me\n"
    assert session.run("%%px_first\nprint('me')") == "[stdout:0] me\n"
    session.run("%%px_first -a\n1")
    assert session.run("%pxresult_first").startswith("Out[0:")
    session.run("%pxconfig_first --verbose")
    assert session.run("%px_first 1").startswith("Parallel execution")
    assert session.run("%px print('me')").count("me\n") == 2


def test_settings_begin_anew_with_another_view(session: Session) -> None:
    session.run("%pxconfig --verbose --noblock")
    assert "Async parallel execution" in session.run("%px 1")
    session.run("rc.activate()")
    assert "Parallel" not in session.run("%px 1")
