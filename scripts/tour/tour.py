"""The tour: a local cluster, four chapters of real work, and checks of every answer.

Run it by ``scripts/demo``, or by ``python scripts/tour/tour.py`` where the package is
installed. The exit status is 0 if all that was checked held.
"""

from __future__ import annotations

import argparse
import faulthandler
import platform
import sys
import traceback
from time import perf_counter

import balancing
import monte_carlo
import parameter_study
import word_count
from story import Story

from parallel import Client, Cluster

CHAPTERS = {
    "parameter_study": parameter_study,
    "word_count": word_count,
    "monte_carlo": monte_carlo,
    "balancing": balancing,
}
#: After so many seconds the tour hangs: it ends, and says where it was.
PATIENCE = 300


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Take a tour through parallel.")
    parser.add_argument("-n", "--engines", type=int, default=4, help="4 if not given")
    parser.add_argument(
        "chapters", nargs="*", metavar="CHAPTER", help=f"of: {', '.join(CHAPTERS)}"
    )
    chosen = parser.parse_args()
    for name in chosen.chapters:
        if name not in CHAPTERS:
            parser.error(f"no chapter {name!r}: there are {', '.join(CHAPTERS)}")
    return chosen


def tell(story: Story, rc: Client, name: str) -> None:
    """Tell a chapter; if it breaks off, that is a check that did not hold."""
    try:
        CHAPTERS[name].tell(story, rc)
    except Exception:
        story.check("the chapter ran to its end", False, traceback.format_exc())


def main() -> int:
    """Take the tour; return the exit status."""
    chosen = options()
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    story = Story()
    story.say(
        f"""A tour through parallel, on Python {platform.python_version()}: a cluster of
        {chosen.engines} engines on this machine, and some work for it. What is shown
        as code is what is run; whatever comes out is checked."""
    )
    story.code(f"with Cluster(n={chosen.engines}) as rc:\n    ...")
    with Cluster(n=chosen.engines) as rc:
        story.say(f"{len(rc)} engines were there after {story.elapsed:.2f} s: {rc.ids}")
        print()
        story.check("as many as were asked for", len(rc) == chosen.engines, rc.ids)
        for name in chosen.chapters or CHAPTERS:
            tell(story, rc, name)
        stopping = perf_counter()
    story.say(f"The cluster was gone after {perf_counter() - stopping:.2f} s.")
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
