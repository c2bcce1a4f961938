"""Work with engines in an interactive session, as it is typed.

The lines below go to Python's own console (`code.InteractiveConsole`) and, if it is
installed, to IPython's shell. Both know the client as `rc`. Prints the session as it
looks in the console. Checked: what is shown, errors included.
"""

import code
import importlib.util
import io
from argparse import SUPPRESS, ArgumentParser
from contextlib import redirect_stderr, redirect_stdout

import parallel as ipp

SESSION = """
dview = rc[:2]
dview.block = True
with dview.sync_imports():
    import math

dview['a'] = 10
dview['b'] = 20
dview.execute('c = a * b')
rc[1:2].execute('c = a + b')
dview['c']
def scaled(x):
    return a * x + math.floor(math.pi)

dview.map(scaled, range(8))
dview.scatter('x', range(16))
dview.execute('y = [i**2 for i in x]')
dview.gather('y') == [i**2 for i in range(16)]
lview = rc.load_balanced_view(dview.targets)
ar = lview.map_async(scaled, range(100))
ar.get() == [10 * i + 3 for i in range(100)], ar.progress, len(ar)
dview.execute('print("hello", a)').stdout[0]
lview.apply_sync(lambda: 1 / 0)
dview.pull('nowhere')
dview.apply(lambda: a + b)
""".strip().splitlines()

#: What has to be shown, in this order; the errors with their names.
SHOWN = [
    "[200, 30]",
    "[3, 13, 23, 33, 43, 53, 63, 73]",
    "True",
    "(True, 100, 100)",
    "hello 10",
    "ZeroDivisionError: division by zero",
    "NameError: name 'nowhere' is not defined",
    "[30, 30]",
]


def in_console(rc):
    """Type the lines into Python's console."""
    console, prompt = code.InteractiveConsole({"rc": rc}), ">>> "
    for line in SESSION:
        print(prompt + line)
        prompt = "... " if console.push(line) else ">>> "


def in_ipython(rc):
    """Run the same in IPython, cell by cell."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    quiet = Config({"HistoryManager": {"enabled": False}})  # writes no history
    quiet.InteractiveShell.colors = "nocolor"
    shell, cell = InteractiveShell.instance(config=quiet, user_ns={"rc": rc}), ""
    for line in SESSION:
        cell += line + "\n"
        if shell.check_complete(cell)[0] == "complete":
            shell.run_cell(cell, store_history=True)
            cell = ""


def check(session, rc):
    """Hold a session; return the screen, with all that has to be on it, in order."""
    screen = io.StringIO()
    with redirect_stdout(screen), redirect_stderr(screen):
        session(rc)
    text = screen.getvalue()
    lines = iter(text.splitlines())
    for expected in SHOWN:
        assert any(expected in line for line in lines), f"no {expected} in\n{text}"
    assert text.count("Traceback (most recent call last)") >= 2, text
    return text


def main(rc):
    """Type it all, and look at the screens."""
    print(check(in_console, rc))
    shells = "Python's console"
    if importlib.util.find_spec("IPython"):
        check(in_ipython, rc)
        shells += " and IPython's shell"
    print(f"{len(SESSION)} lines typed: as expected in {shells}")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)
