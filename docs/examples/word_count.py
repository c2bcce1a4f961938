"""Count the words of a lot of text: the source of Python's standard library.

Each task reads a few files, where it runs, and returns their counts, which are merged
as they come. Prints the most frequent words, and how many files each engine read.
Checked against a count of all files here.
"""

import re
import sysconfig
from argparse import SUPPRESS, ArgumentParser
from collections import Counter
from pathlib import Path

import parallel as ipp


def count(path):
    """Return how often each word stands in a file."""
    text = Path(path).read_text("utf-8", "replace").lower()
    return Counter(re.findall("[a-z]{3,}", text))


def count_all(paths):
    """Return the counts of several files as one."""
    total = Counter()
    for path in paths:
        total.update(count(path))
    return total


def main(rc):
    """Count in parallel, print, and compare."""
    files = sorted(map(str, Path(sysconfig.get_path("stdlib")).glob("*.py")))
    groups = [files[i : i + 8] for i in range(0, len(files), 8)]

    lview = rc.load_balanced_view()
    ar = lview.map_async(count_all, groups, chunksize=1, ordered=False)
    words = Counter()
    for found in ar:
        words.update(found)

    for word, times in words.most_common(8):
        print(f"{times:8} {word}")
    by_engine = sorted(Counter(ar.engine_id).items())
    print("groups of files that each engine read:", dict(by_engine))

    assert ar.progress == len(ar) == len(groups)
    assert words == count_all(files)
    print(f"{words.total()} words in {len(files)} files: as counted serially")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)
