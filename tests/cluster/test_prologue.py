"""Which lines of a prologue fail is told, and the rest is run."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest

from parallel.cluster.prologue import FAILED, shell, watched, words_of_failure

MODULE = ["module() {", "    false", "    [ -n x ] && return 3", "}"]


def after(*prologue: str, shell: str = shell()) -> tuple[str, str]:
    """Return what a program is told that runs after a prologue, and what was said."""
    lines = [*watched(prologue), f'printf "%s" "${{{FAILED}-none}}"']
    done = subprocess.run(
        [shell, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("prologue", "told"),
    [
        (["true", "export A=1"], "none"),
        (["[ -f /nope ] && . /nope"], "none"),
        (["if false; then", "    true", "fi"], "none"),
        (["false || true"], "none"),
        ([*MODULE, "module load typo"], "`module load typo` with status 3"),
        (["(exit 7)  # it's"], "`(exit 7)  # it's` with status 7"),
        (["true\nfalse\ntrue"], "`false` with status 1"),
        (["false", "true", "nosuch $A"], "`false` with status 1, `nosuch $A` with st"),
    ],
)
def test_a_line_that_fails_is_told_to_the_program(
    prologue: Sequence[str], told: str
) -> None:
    found, _ = after(*prologue)
    assert found.startswith(told)


def test_it_is_told_where_the_command_has_told_its_own_story() -> None:
    _, said = after("echo no such module >&2; (exit 3)", "true")
    first, second = said.splitlines()
    assert first == "no such module"
    assert second.startswith("this line of the prologue failed with status 3, and")
    assert second.endswith("run nevertheless: echo no such module >&2; (exit 3)")


def test_who_wants_it_has_the_first_failure_be_the_end() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        after("set -e", "false", "true")


def test_any_other_shell_runs_the_prologue() -> None:
    assert after("A=1", "export A", "false", shell="/bin/sh")[0] in (
        "none",
        "`false` with status 1",
    )


def test_what_the_program_starts_is_not_told_again() -> None:
    environment = {FAILED: "`false` with status 1"}
    assert words_of_failure(environment).startswith("of the prologue failed `false` ")
    assert words_of_failure(environment) == ""
    assert environment == {}
