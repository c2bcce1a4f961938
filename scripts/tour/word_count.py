"""A word count of real text: the source of Python's standard library."""

from __future__ import annotations

import os
import random
import sysconfig
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from story import Story

from parallel import Client

__all__ = ["tell"]

#: What every engine executes, on the `files` that were scattered to it; and what
#: the client executes for the serial count, on all of them.
CODE = """
import re
from collections import Counter
from pathlib import Path

def count(path):
    text = Path(path).read_text("utf-8", "replace").lower()
    return Counter(re.findall("[a-z]{3,}", text))

words, sizes = Counter(), []
for path in files:
    found = count(path)
    words.update(found)
    sizes.append(found.total())
print(f"{len(files)} files, {words.total():,} words")
"""


class Counted(NamedTuple):
    """The words, the number of words in each file, and what was printed."""

    words: Counter[str]
    sizes: list[int]
    printed: list[str]


def library() -> list[str]:
    """Return the standard library's files, shuffled: the big ones stand together."""
    root = Path(sysconfig.get_path("stdlib"))
    files = [
        str(path)
        for path in sorted(root.rglob("*.py"))
        if not path.relative_to(root).parts[0].endswith("-packages")
    ]
    random.Random("library").shuffle(files)
    return files


def spread(rc: Client, files: list[str]) -> Counted:
    """Count on all engines, and merge."""
    dview = rc[:]
    dview.block = True
    dview.scatter("files", files)
    printed = dview.execute(CODE).stdout
    words: Counter[str] = Counter()
    for part in dview["words"]:
        words.update(part)
    return Counted(words, list(dview.gather("sizes")), printed)


def serial(files: list[str]) -> Counted:
    """Count with the same code, here."""
    printed: list[str] = []
    names: dict[str, Any] = {"files": files, "print": printed.append}
    exec(CODE, names)
    return Counted(names["words"], names["sizes"], printed)


def cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def tell(story: Story, rc: Client) -> None:
    """Tell the chapter."""
    story.chapter("2. A word count")
    files = library()
    size = sum(len(Path(file).read_bytes()) for file in files) / 1e6
    story.say(
        f"""The text is the source of Python's standard library on this machine:
        {len(files):,} files, {size:.1f} MB. The list of files is scattered over
        the engines, they all execute CODE, and their counts are pulled and
        merged."""
    )
    story.code(f'CODE = """{CODE}"""', spread)
    begun = perf_counter()
    there = spread(rc, files)
    wall = perf_counter() - begun
    begun = perf_counter()
    here = serial(files)
    wall_here = perf_counter() - begun

    story.say("What the engines printed, as it came back with the result:")
    story.lines(
        f"[engine {engine_id}] {text.strip()}"
        for engine_id, text in zip(rc.ids, there.printed, strict=True)
    )
    top = there.words.most_common(8)
    story.table(["word", "times"], [[word, f"{times:,}"] for word, times in top])
    story.say(
        f"""On {len(rc)} engines it took {wall:.2f} s, with all transport and the
        merging; here, one file after the other, {wall_here:.2f} s. That is
        {wall_here / wall:.1f} times as fast; this machine has {cores()} cores."""
    )
    check(story, there, here, size)


def check(story: Story, there: Counted, here: Counted, size: float) -> None:
    """Hold the engines' count against the serial one."""
    print()
    total, different = there.words.total(), len(there.words)
    story.check(f"it was at least 10 MB of text: {size:.1f}", size >= 10)
    story.check(
        f"{total:,} words, {different:,} different: the serial count is the same",
        there.words == here.words,
        f"serial: {here.words.total():,} words, {len(here.words):,} different",
    )
    story.check(
        "gathered file by file, the counts are in the order of the files",
        there.sizes == here.sizes,
        f"{len(there.sizes)} counts for {len(here.sizes)} files",
    )
