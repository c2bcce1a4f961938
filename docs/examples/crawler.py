"""Crawl pages whose links lead to further pages, until nothing new is left.

The pages are files that link to one another at random; some links are dead, and some
pages cannot be reached. A task reads a page and returns its links; each new link
becomes a task at once, while others still run. Prints how many pages and dead links
were found. Checked against a serial crawl.
"""

import random
import re
import tempfile
from argparse import SUPPRESS, ArgumentParser
from pathlib import Path

import parallel as ipp


def write_pages(folder, count, seed):
    """Write pages with random links; return the path of the first."""
    chance = random.Random(seed)
    for number in range(count):
        links = chance.choices(range(count + count // 20), k=chance.randint(0, 4))
        text = "\n".join(f'<p>see <a href="{link}.html">it</a></p>' for link in links)
        (folder / f"{number}.html").write_text(text)
    (folder / "0.html").write_text('<a href="1.html">one</a> <a href="2.html">two</a>')
    return str(folder / "0.html")


def links_of(page):
    """Read a page; return the paths that it links to."""
    found = re.findall('href="(.*?)"', Path(page).read_text())
    return [str(Path(page).with_name(name)) for name in found]


def crawl(lview, start):
    """Return the pages that can be reached, and the dead links."""
    seen, dead = {start}, set()
    tasks = {lview.apply_async(links_of, start): start}
    while tasks:
        coming, tasks = tasks, {}
        for task in ipp.as_completed(coming):
            try:
                links = task.get()
            except FileNotFoundError:
                dead.add(coming[task])
                continue
            for link in set(links) - seen:
                seen.add(link)
                tasks[lview.apply_async(links_of, link)] = link
    return seen - dead, dead


def crawl_serially(start):
    """Return the same, page by page."""
    seen, dead, ahead = {start}, set(), [start]
    while ahead:
        page = ahead.pop()
        if not Path(page).exists():
            dead.add(page)
            continue
        new = set(links_of(page)) - seen
        seen |= new
        ahead += new
    return seen - dead, dead


def main(rc):
    """Crawl some pages, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        start = write_pages(Path(folder), count=500, seed=3)
        pages, dead = crawl(rc.load_balanced_view(), start)
        assert (pages, dead) == crawl_serially(start)
        assert pages
        assert dead
        unseen = len(list(Path(folder).iterdir())) - len(pages)
    print(f"{unseen} pages cannot be reached")
    print(f"{len(pages)} pages and {len(dead)} dead links: as a serial crawl finds")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)
