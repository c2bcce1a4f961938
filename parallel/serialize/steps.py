"""The steps of a traceback that are the user's: ours at its beginning say nothing."""

from __future__ import annotations

from types import TracebackType

__all__ = ["cause_of", "users_part"]

#: Whose steps lead from an engine to the user's code.
ENGINES = "parallel.engine", "parallel.serialize"
#: Whose lead to the code by which a user's object is pickled, or made again.
PICKLERS = (
    "parallel.serialize", "cloudpickle", "dill", "pickle", "copyreg", "importlib._",
)  # fmt: skip


def users_part(
    step: TracebackType | None, others: tuple[str, ...] = ENGINES
) -> TracebackType | None:
    """Return a traceback from where the user's code begins; None without any."""
    while step is not None and _module_of(step).startswith(others):
        step = step.tb_next
    return step


def _module_of(step: TracebackType) -> str:
    return str(step.tb_frame.f_globals.get("__name__"))


def cause_of(error: BaseException) -> BaseException | None:
    """Return what an error of pickling is raised from, whose words it has in its own.

    It is None if no code of the user's is to blame: there would be nothing to see.
    """
    part = users_part(error.__traceback__, PICKLERS)
    return None if part is None else error.with_traceback(part)
