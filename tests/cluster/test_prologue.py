"""Which lines of a prologue fail is told, and the rest is run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

import pytest

from parallel.cluster.prologue import FAILED, shell, watched, words_of_failure

MODULE = ["module() {", "    false", "    [ -n x ] && return 3", "}"]


#: A shell that has no ERR trap, if this host has one.
DASH = shutil.which("dash") or "/bin/sh"


def after(
    *prologue: str, shell: str = shell(), in_bash: bool = True
) -> tuple[str, str]:
    """Return what a program is told that runs after a prologue, and what was said."""
    lines = [*watched(prologue, in_bash=in_bash), f'printf "%s" "${{{FAILED}-none}}"']
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


@pytest.mark.parametrize("shell", [DASH, shell()])
@pytest.mark.parametrize(
    ("prologue", "told"),
    [
        (["true", "export A=1"], "none"),
        (["[ -f /nope ] && . /nope"], "none"),
        (["false || true"], "none"),
        (["module() { return 3; }", "module load typo"], "`module load typo` with st"),
        (["(exit 7)  # it's"], "`(exit 7)  # it's` with status 7"),
        (["false", "true", "nosuch $A"], "`false` with status 1, `nosuch $A` with st"),
        (["A=$(cat <<E", "$(false)", "E", ")"], "none"),
        (["if true; then", "    true", "fi"], "none"),
    ],
)
def test_a_line_that_fails_is_told_by_shells_without_such_a_trap_as_well(
    prologue: Sequence[str], told: str, shell: str
) -> None:
    found, _ = after(*prologue, shell=shell, in_bash=False)
    assert found.startswith(told)


@pytest.mark.parametrize(
    "prologue",
    [
        ["false", "A=$?", "export A"],
        ["A=\\", "1; export A"],
        ["case 1 in", "1) A=1 ;;", "esac", "export A"],
        ["A=$(cat <<E", "1", "E", ")", "export A"],
        ['A="', '1"', "A=$(echo $A)", "export A"],
    ],
)
def test_lines_that_belong_together_stay_together(prologue: Sequence[str]) -> None:
    lines = [*watched(prologue, in_bash=False), 'printf "%s" "$A"']
    assert subprocess.check_output([DASH, "-c", "\n".join(lines)]) == b"1"


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
