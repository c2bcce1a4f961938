"""A user's own modules, sent as source text and imported from memory.

Nothing is written where they arrive, and so nothing is left behind.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple, TypeAlias

from ..errors import CannotPack

__all__ = ["Installer", "Shipment", "generation", "install", "pack_module"]

#: A package larger than this is no script of the user's: it is to be installed.
LARGEST_NBYTES = 64 << 20


class File(NamedTuple):
    """One file of a module or package, by its path where it came from."""

    path: str
    content: bytes


#: What `install` takes: the top module's name, each module's file by the module's
#: name (a package's is its `__init__.py`), and other files of the package.
Shipment: TypeAlias = tuple[str, dict[str, File], list[File]]


def pack_module(module: ModuleType | str) -> Shipment:
    """Return a module of the user's, or the whole package that it is in.

    Parameters
    ----------
    module
        A module, or its name.

    Raises
    ------
    ModuleNotFoundError
        There is none of this name here.
    CannotPack
        It is not made of Python source files, or is larger than 64 MiB.
    """
    name = module if isinstance(module, str) else module.__name__
    top = name.partition(".")[0]
    found = _spec_of(top)
    modules: dict[str, File] = {}
    others: list[File] = []
    for path, content in _files(top, found):
        if path.suffix == ".py":
            modules[_name_of(path, top, found)] = File(str(path), content)
        else:
            others.append(File(str(path), content))
    for folder in found.submodule_search_locations or ():
        modules.setdefault(top, File(str(Path(folder, "__init__.py")), b""))
    return top, modules, others


def _spec_of(top: str) -> ModuleSpec:
    if top == "__main__":
        raise CannotPack("what is defined in your session travels with what uses it")
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise ModuleNotFoundError(f"no module named {top!r} here", name=top)
    folders = spec.submodule_search_locations
    if not folders and not str(spec.origin).endswith(".py"):
        raise CannotPack(
            f"{top!r} cannot be sent, for it is no Python source file "
            f"({spec.origin}): install it where the engines run"
        )
    return spec


def _files(top: str, spec: ModuleSpec) -> Iterator[tuple[Path, bytes]]:
    size = 0
    for path in _paths(spec):
        if path.suffix in (".so", ".pyd", ".dylib"):
            raise CannotPack(
                f"{top!r} cannot be sent, for it has a compiled part ({path}): install "
                "it where the engines run"
            )
        size += path.stat().st_size
        if size > LARGEST_NBYTES:
            raise CannotPack(
                f"{top!r} cannot be sent, for it has more than {LARGEST_NBYTES:,} "
                "bytes: install it where the engines run"
            )
        yield path, path.read_bytes()


def _paths(spec: ModuleSpec) -> Iterator[Path]:
    if not spec.submodule_search_locations:
        yield Path(str(spec.origin))
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).rglob("*")):
            hidden = any(part[0] == "." for part in path.relative_to(folder).parts)
            if path.is_file() and not hidden and "__pycache__" not in path.parts:
                yield path


def _name_of(path: Path, top: str, spec: ModuleSpec) -> str:
    for folder in spec.submodule_search_locations or ():
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            return ".".join((top, *parts))
    return top


class _Memory(MetaPathFinder, InspectLoader):
    """Finds and loads what was installed."""

    def __init__(self) -> None:
        self.modules: dict[str, File] = {}
        self.others: dict[str, dict[str, bytes]] = {}
        #: Counts up with each installation: what was unpacked before is outdated.
        self.generation = 0

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        file = self.modules.get(fullname)
        if file is None:
            return None
        spec = ModuleSpec(fullname, self, origin=file.path)
        spec.has_location = True
        if self.is_package(fullname):
            spec.submodule_search_locations = [str(Path(file.path).parent)]
        return spec

    def is_package(self, fullname: str) -> bool:
        return Path(self.modules[fullname].path).name == "__init__.py"

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self.modules[fullname].content)

    def get_code(self, fullname: str) -> CodeType:
        file = self.modules[fullname]
        return compile(file.content, file.path, "exec", dont_inherit=True)

    def get_data(self, path: str) -> bytes:
        """Return a file of a package, for `pkgutil.get_data`."""
        for files in self.others.values():
            if path in files:
                return files[path]
        raise FileNotFoundError(f"{path} did not come along with its package")


_memory = _Memory()


def generation() -> int:
    """Return how many times modules were installed in this process."""
    return _memory.generation


def install(shipment: Shipment) -> None:
    """Make a packed module importable in this process, and import it.

    It takes the place of one of the same name, whatever that came from.
    """
    top, modules, others = shipment
    if _memory not in sys.meta_path:
        sys.meta_path.insert(0, _memory)
    for known in (_memory.modules, sys.modules):
        for name in [name for name in known if f"{name}.".startswith(f"{top}.")]:
            del known[name]
    _memory.modules.update({name: File(*file) for name, file in modules.items()})
    _memory.others[top] = dict(others)
    _memory.generation += 1
    importlib.import_module(top)


class Installer:
    """Calls `install`, under a name of its own for each module.

    A setup takes the place of an earlier one of its name.
    """

    def __init__(self, top: str) -> None:
        self.__name__ = f"install_{top}"

    def __call__(self, shipment: Shipment) -> None:
        """Make a packed module importable: see `install`."""
        install(shipment)
