"""What the pages say holds: their links lead somewhere and their examples run.

In `README.md` and in every page under `docs/`:

- a relative link leads to a file of the repository, and to a heading of it;
- the ``python`` blocks of a page are one program, run from top to bottom in a folder
  of its own; a block that is not to run is marked ``python no-run``;
- the ``pycon`` blocks of a page are one session, whose output is compared.

The examples in the docstrings of the modules that do no I/O are run as well.
"""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import PACKAGE, ROOT
from tests.architecture import LAYERS, module_name

PAGES = [*ROOT.glob("*.md"), *sorted(ROOT.glob("docs/**/*.md"))]

#: The modules that do no I/O: the three lowest layers.
PURE_MODULES = sorted(
    module_name(path, PACKAGE)
    for path in PACKAGE.rglob("*.py")
    if LAYERS.get(path.relative_to(PACKAGE).with_suffix("").parts[0], 9) <= 3
)

#: Seconds for all the examples of a page.
TIMEOUT = 100

FENCE = re.compile(r"^\s*(```+|~~~+)\s*(.*?)\s*$")
LINK = re.compile(r"\]\(<?([^)<>\s]+)>?[^)]*\)|^\[[^]]+\]:\s*<?([^<>\s]+)")


def page_name(page: Path) -> str:
    """Return a page's path in the repository, which names its test."""
    return str(page.relative_to(ROOT))


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield each line of a page with the kind of the block that it is in.

    The kind is what stands after the fence, nothing outside of a block. The fences
    are yielded as empty lines outside, so that the lines keep their numbers.
    """
    fence, kind = "", ""
    for line in text.splitlines():
        found = FENCE.match(line)
        if found and not fence:
            fence, kind = found[1], found[2] or "text"
            yield "", ""
        elif found and found[1].startswith(fence) and not found[2]:
            fence, kind = "", ""
            yield "", ""
        else:
            yield kind, line


def only(kind: str, text: str) -> str:
    """Return the lines of one kind of block, with an empty one for each other line."""
    return "\n".join(line if each == kind else "" for each, line in blocks(text)) + "\n"


def headings(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
        for kind, line in blocks(text)
        if not kind and line.startswith("#")
    }


def broken_links(page: Path) -> Iterator[str]:
    """Yield the relative links of a page that lead nowhere."""
    for number, (kind, line) in enumerate(blocks(page.read_text()), start=1):
        for found in [] if kind else LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            target = found[1] or found[2]
            if re.match(r"[a-z+]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            if not file.exists():
                yield f"{page}:{number}: no file {target}"
            elif anchor and anchor not in headings(file.read_text()):
                yield f"{page}:{number}: no heading {target}"


def run(arguments: list[str], folder: Path) -> None:
    """Run Python on a page's examples, and fail with what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links(page: Path) -> None:
    if found := list(broken_links(page)):
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if only("python", page.read_text()).strip()],
    ids=page_name,
)
def test_python_blocks(page: Path, tmp_path: Path) -> None:
    script = tmp_path / f"{page.stem}.py"
    script.write_text(only("python", page.read_text()))
    run([str(script)], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if only("pycon", page.read_text()).strip()],
    ids=page_name,
)
def test_pycon_blocks(page: Path, tmp_path: Path) -> None:
    session = tmp_path / page.name
    session.write_text(only("pycon", page.read_text()))
    run(["-m", "doctest", str(session)], tmp_path)


@pytest.mark.parametrize("name", PURE_MODULES)
def test_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


PAGE = """\
# Quick *start*: `now`

See [below](#next-steps), [nowhere](#nowhere), [a file](other.md) and
[the web](https://example.org/).

```python
answer = 6 * 7
```

## Next steps

```python
assert answer == 42
```

```python no-run
[not](a-link)
```

```pycon
>>> 6 * 7
42
```
"""


def test_blocks_keep_their_lines() -> None:
    assert only("python", PAGE).splitlines() == [
        *[""] * 6,
        "answer = 6 * 7",
        *[""] * 5,
        "assert answer == 42",
        *[""] * 10,
    ]


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert list(broken_links(page)) == [
        f"{page}:3: no heading #nowhere",
        f"{page}:3: no file other.md",
    ]


def test_a_wrong_example_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("42", "43"))
    with pytest.raises(pytest.fail.Exception, match="AssertionError"):
        test_python_blocks(page, tmp_path)
    with pytest.raises(pytest.fail.Exception, match="Expected:\n    43"):
        test_pycon_blocks(page, tmp_path)
