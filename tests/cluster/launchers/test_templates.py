"""Job scripts are texts with fields, and what is wrong in one is told."""

from __future__ import annotations

import pytest

from parallel.cluster.launchers.amounts import mebibytes, seconds
from parallel.cluster.launchers.templates import render
from parallel.errors import LauncherError

FIELDS = {"n": 12, "queue": None, "cluster_id": "", "home": "/a b"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("-n {n}", "-n 12"),
        ("-n {n // 4}:{n:04d}", "-n 3:0012"),
        ("{home!r}", "'/a b'"),
        ("cd ${{HOME}} # {n}", "cd ${HOME} # 12"),
        ("echo [{queue}] [{cluster_id}]", "echo [] []"),
    ],
)
def test_a_field_may_be_an_expression(template: str, text: str) -> None:
    assert render(template, FIELDS) == f"{text}\n"


def test_a_directive_with_an_option_that_was_not_given_is_left_out() -> None:
    text = "#!/bin/sh\n#PBS -q {queue}\n#PBS -l n={n}\necho {queue}\n"
    assert render(text, FIELDS, "#PBS") == "#!/bin/sh\n#PBS -l n=12\necho \n"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("ok\n#PBS -l {nodes}", r"line 2, '#PBS -l \{nodes\}': there is no field 'nod"),
        ("{n // 0}", "line 1, .*: ZeroDivisionError"),
        ("{n", "line 1, .*: ValueError: expected '}'"),
        ("echo ${HOME}", r"no field 'HOME'.*written twice, as in \$\{\{HOME\}\}"),
        ("{__import__('os')}", "no field '__import__'"),
        ("{n +}", "line 1, .*: SyntaxError"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_the_fields(
    template: str, said: str
) -> None:
    with pytest.raises(LauncherError, match=said) as told:
        render(template, FIELDS)
    assert "fields cluster_id, home, n, queue" in str(told.value)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("90", 5400), ("1:30:00", 5400), ("0:00:05", 5), ("2-00:00:01", 172801)],
)
def test_a_walltime_is_in_minutes_or_has_colons(text: str, amount: int) -> None:
    assert seconds(text) == amount


@pytest.mark.parametrize("text", ["1:30", "an hour", "-5", "", "0:99:00"])
def test_what_is_no_walltime_is_told(text: str) -> None:
    with pytest.raises(LauncherError, match=f"walltime='{text}' is no time: write"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("500", 500), ("2GB", 2048), ("1.5 GiB", 1536), ("1T", 1048576), ("10k", 1)],
)
def test_an_amount_of_memory_has_a_unit_or_is_in_mebibytes(
    text: str, amount: int
) -> None:
    assert mebibytes(text) == amount


@pytest.mark.parametrize("text", ["much", "2 GBs", "-1GB", ""])
def test_what_is_no_amount_of_memory_is_told(text: str) -> None:
    with pytest.raises(LauncherError, match="is no amount: write it such as 2GB"):
        mebibytes(text)
