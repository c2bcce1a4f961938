"""The rules that the package's shape keeps, each a function from modules to breaches.

A rule yields one line per breach, ``file:line: what is wrong and what to do``. It reads
the source and imports nothing, so that it also holds for what cannot run here. The
tables below are the rules' data: `CONTRIBUTING.md` explains them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

#: Which layer each folder, or file at the top, belongs to. Imports point down.
LAYERS = {
    **dict.fromkeys(["_version", "aliases", "errors"], 1),
    **dict.fromkeys(["protocol", "serialize"], 2),
    **dict.fromkeys(["state"], 3),
    **dict.fromkeys(["transport"], 4),
    **dict.fromkeys(["client", "controller", "engine"], 5),
    **dict.fromkeys(["cluster"], 6),
    **dict.fromkeys(["cli", "dashboard", "integrations", "interactive"], 7),
    **dict.fromkeys(["datapub", "error", "joblib", "util"], 7),
}

#: The layer whose folders never import one another: what they share is lower.
PARTS = 5

#: The layer of the doors, which may need a library that is not installed.
DOORS = 7


def layers_from(lowest: int) -> tuple[str, ...]:
    """Return the folders from some layer up."""
    return tuple(folder for folder, layer in LAYERS.items() if layer >= lowest)


#: The folders in which a library may be imported: as few as can be. Each that is not in
#: the standard library stands here, and those parts of it that do I/O of our kind.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "IPython": layers_from(PARTS),
    "bokeh": ("dashboard",),
    "cloudpickle": ("serialize",),
    "comm": ("client", "engine"),
    "dask": ("integrations",),
    "dill": ("serialize",),
    "distributed": ("integrations",),
    "ipykernel": ("engine",),
    "joblib": ("integrations",),
    "ipywidgets": ("client",),
    "jupyter_core": ("engine",),
    "jupyter_server": ("integrations",),
    "mpi4py": ("engine",),
    "msgspec": ("protocol", "serialize", "state", *layers_from(4)),
    "multiprocessing.shared_memory": ("transport",),
    "numpy": ("client", "engine", "serialize"),
    "parsl": ("integrations",),
    "pygments": ("interactive",),
    "sqlite3": ("controller.store",),
    "subprocess": ("cluster", "transport"),
    "tornado": ("dashboard", "integrations", "transport"),
    "tqdm": ("client",),
    "traitlets": layers_from(PARTS),
    "zmq": ("transport",),
}

#: The libraries that are there wherever the package is. Any other is imported below the
#: doors only inside the function that needs it.
DEPENDENCIES = {"cloudpickle", "msgspec", "traitlets", "zmq"}

#: All that a machine may import beside the layers below it: no clock and no I/O.
PURE = {
    *("__future__", "abc", "array", "bisect", "collections", "contextlib", "copy"),
    *("dataclasses", "enum", "fractions", "functools", "heapq", "itertools", "math"),
    *(
        "msgspec.Struct",
        "operator",
        "random.Random",
        "re",
        "statistics",
        "string",
        "textwrap",
    ),
    *("types", "typing"),
}

#: Builtin functions that no machine calls.
IMPURE_CALLS = {"breakpoint", "input", "open", "print"}

#: Names that say nothing of what a module is for.
EMPTY_NAMES = {"common", "helper", "helpers", "misc", "tools", "util", "utils"}

#: The doors that bear such a name, for users' programs import them under it.
KNOWN_DOORS = {"parallel.util"}

LONGEST_FUNCTION = 60
LONGEST_CLASS = 400
LONGEST_FILE = 600

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Import:
    """One name that a module imports: a module, or something in one."""

    target: str
    line: int
    #: Whether it waits until a function is called, or is for the type checker only.
    deferred: bool


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    source: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def folder(self) -> str:
        """The folder, or file, at the package's top that this stands in."""
        return folder_of(self.name)

    @property
    def is_door(self) -> bool:
        """Whether this is what ``python -m`` runs: above all layers."""
        return self.path.name == "__main__.py"

    def at(self, line: int, message: str) -> str:
        """Say where in this module something is wrong."""
        return f"{self.path}:{line}: {message}"


#: The modules of a package by name. The package itself comes first.
Package: TypeAlias = dict[str, Module]
Rule: TypeAlias = Callable[[Package], Iterator[str]]


# Reading


def read(root: Path) -> Package:
    """Read the modules of the package whose folder this is."""
    paths = {module_name(path, root): path for path in sorted(root.rglob("*.py"))}
    return {name: read_module(name, path, set(paths)) for name, path in paths.items()}


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a file."""
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_module(name: str, path: Path, names: set[str]) -> Module:
    """Read one file of a package, given the names of all its modules."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source, filename=str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imports = (
        Import(resolved(target, names), statement.lineno, deferred)
        for statement, deferred in import_statements(tree, deferred=False)
        for target in targets(statement, package)
    )
    return Module(name, path, source, tree, tuple(imports))


def import_statements(
    node: ast.AST, *, deferred: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield the imports under a node, and whether each is deferred."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, deferred
        else:
            later = isinstance(child, Function | ast.Lambda) or (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            )
            yield from import_statements(child, deferred=deferred or later)


def targets(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """Yield the absolute names that a statement imports, seen from a package."""
    base = ""
    if isinstance(statement, ast.ImportFrom):
        base = statement.module or ""
        if statement.level:
            parents = package.split(".")
            parents = parents[: len(parents) - statement.level + 1]
            base = ".".join([*parents, *filter(None, [base])])
    for alias in statement.names:
        yield f"{base}.{alias.name}" if base else alias.name


def resolved(target: str, names: set[str]) -> str:
    """Return the module of ours that a name is in, or the name if it is not ours."""
    found = target
    while found and found not in names:
        found = found.rpartition(".")[0]
    return found or target


def folder_of(name: str) -> str:
    """Return the second part of a dotted name: nothing for the package itself."""
    return name.split(".")[1] if "." in name else ""


def inner_imports(package: Package) -> Iterator[tuple[Module, Import]]:
    """Yield the imports of the package's modules by one another."""
    for module in package.values():
        for imported in module.imports:
            if imported.target in package:
                yield module, imported


def outer_imports(package: Package) -> Iterator[tuple[Module, Import]]:
    """Yield the imports of what is not the package's own."""
    for module in package.values():
        for imported in module.imports:
            if imported.target not in package:
                yield module, imported


def is_within(name: str, place: str) -> bool:
    """Tell whether a dotted name is some place or below it."""
    return name == place or name.startswith(f"{place}.")


# Imports


def imports_point_down(package: Package) -> Iterator[str]:
    """Yield each import of a higher layer, or of a sibling among the parts."""
    for module in package.values():
        if module.folder and not module.is_door and module.folder not in LAYERS:
            yield module.at(1, f"{module.folder} has no layer: give it one in LAYERS")
    for module, imported in inner_imports(package):
        there = folder_of(imported.target)
        here = module.folder
        if module.is_door or here == there or not {here, there} <= LAYERS.keys():
            continue
        if LAYERS[there] > LAYERS[here]:
            why = f"layer {LAYERS[there]} from layer {LAYERS[here]}"
        elif LAYERS[there] == LAYERS[here] == PARTS:
            why = "one part from another"
        else:
            continue
        yield module.at(
            imported.line, f"imports {imported.target}, {why}: move the name down"
        )


def nobody_imports_the_facade(package: Package) -> Iterator[str]:
    """Yield each import, from inside, of the package itself or of a ``__main__``."""
    for module, imported in inner_imports(package):
        if not folder_of(imported.target):
            message = "imports the package itself: import the file that has the name"
            yield module.at(imported.line, message)
        elif package[imported.target].is_door:
            yield module.at(imported.line, f"imports a door: {imported.target}")


def no_cycles(package: Package) -> Iterator[str]:
    """Yield each import cycle once, deferred and type checkers' imports counted."""
    lines: dict[str, dict[str, int]] = {name: {} for name in package}
    for module, imported in inner_imports(package):
        if imported.target != module.name:
            lines[module.name].setdefault(imported.target, imported.line)
    told: set[str] = set()
    for name in package:
        if name not in told and (path := way_back(name, lines)):
            told.update(path)
            message = "import cycle: " + " → ".join(path)
            yield package[name].at(lines[name][path[1]], message)


def way_back(start: str, graph: dict[str, dict[str, int]]) -> list[str]:
    """Return a shortest path from a module to itself, or nothing."""
    paths = [[start]]
    seen: set[str] = set()
    for path in paths:  # grows as it is read: breadth first
        for target in graph[path[-1]]:
            if target == start:
                return [*path, start]
            if target not in seen:
                seen.add(target)
                paths.append([*path, target])
    return []


def libraries_have_one_door(package: Package) -> Iterator[str]:
    """Yield each library that is imported elsewhere than `LIBRARIES` allows."""
    for module, imported in outer_imports(package):
        top = imported.target.split(".")[0]
        names = [name for name in LIBRARIES if is_within(imported.target, name)]
        if not names:
            if top not in sys.stdlib_module_names:
                message = f"imports {top}, which has no place: give it one in LIBRARIES"
                yield module.at(imported.line, message)
            continue
        places = LIBRARIES[names[0]]
        own = module.name.partition(".")[2]
        if not any(is_within(own, place) for place in places):
            message = f"imports {names[0]}, which belongs to {', '.join(places)}"
            yield module.at(imported.line, message)


def optional_libraries_wait(package: Package) -> Iterator[str]:
    """Yield each library below the doors that must be there, but may not be."""
    for module, imported in outer_imports(package):
        top = imported.target.split(".")[0]
        needed = top in DEPENDENCIES or top in sys.stdlib_module_names
        if not needed and not imported.deferred and LAYERS.get(module.folder) != DOORS:
            message = f"imports {top}, which may be missing: do so where it is needed"
            yield module.at(imported.line, message)


def machines_are_pure(package: Package) -> Iterator[str]:
    """Yield each way by which a machine could reach a clock, chance or I/O."""
    for module, imported in outer_imports(package):
        if module.folder == "state" and not any(
            is_within(imported.target, name) for name in PURE
        ):
            message = f"imports {imported.target}: a machine is given what it needs"
            yield module.at(imported.line, message)
    for module in package.values():
        for node in ast.walk(module.tree) if module.folder == "state" else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in IMPURE_CALLS
            ):
                yield module.at(
                    node.lineno, f"calls {node.func.id}: a machine does not"
                )


# Sizes and names


def functions_are_short(package: Package) -> Iterator[str]:
    """Yield each function of too many lines, its own docstring not counted."""
    for module, function in functions(package):
        length = line_count(function) - docstring_lines(function)
        if length > LONGEST_FUNCTION:
            message = f"{function.name} has {length} lines, over {LONGEST_FUNCTION}"
            yield module.at(function.lineno, message)


def classes_are_short(package: Package) -> Iterator[str]:
    """Yield each class of too many lines."""
    for module in package.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                length = line_count(node)
                if length > LONGEST_CLASS:
                    message = f"{node.name} has {length} lines, over {LONGEST_CLASS}"
                    yield module.at(node.lineno, message)


def files_are_short(package: Package) -> Iterator[str]:
    """Yield each file of too many lines."""
    for module in package.values():
        length = len(module.source.splitlines())
        if length > LONGEST_FILE:
            yield module.at(1, f"{length} lines, over {LONGEST_FILE}")


def modules_are_named_for_something(package: Package) -> Iterator[str]:
    """Yield each module whose name says nothing."""
    for module in package.values():
        name = module.name.rpartition(".")[2]
        if name in EMPTY_NAMES and module.name not in KNOWN_DOORS:
            yield module.at(1, f"{name} says nothing: name it for what it defines")


def modules_list_their_names(package: Package) -> Iterator[str]:
    """Yield each module that has public names, but no ``__all__`` to list them."""
    for module in package.values():
        public = [node.name for node in public_definitions(module.tree)]
        lists = any(
            isinstance(node, ast.Name) and node.id == "__all__"
            for statement in module.tree.body
            if isinstance(statement, ast.Assign | ast.AnnAssign)
            for node in ast.walk(statement)
        )
        if public and not lists and not module.is_door:
            yield module.at(1, f"has {public[0]}, and no __all__ to list it")


# Words


def everything_public_has_a_docstring(package: Package) -> Iterator[str]:
    """Yield each module and each public name that has no docstring."""
    for module in package.values():
        if ast.get_docstring(module.tree) is None:
            yield module.at(1, "the module has no docstring")
        for node in public_definitions(module.tree):
            if ast.get_docstring(node) is None:
                yield module.at(node.lineno, f"{node.name} has no docstring")


def everything_is_annotated(package: Package) -> Iterator[str]:
    """Yield each parameter and each return without a type, private ones too."""
    methods = {
        child
        for module in package.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        for child in node.body
        if isinstance(child, Function) and "staticmethod" not in decorators(child)
    }
    for module, function in functions(package):
        for name in unannotated(function, is_method=function in methods):
            yield module.at(function.lineno, f"{function.name}: {name} has no type")


def functions(package: Package) -> Iterator[tuple[Module, Function]]:
    """Yield every function and method, nested ones too."""
    for module in package.values():
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                yield module, node


def line_count(node: Definition) -> int:
    """Return the lines from ``def`` or ``class`` to the last."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_lines(node: Definition) -> int:
    """Return the lines of a definition's own docstring."""
    if ast.get_docstring(node, clean=False) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def public_definitions(node: ast.AST) -> Iterator[Definition]:
    """Yield the public definitions of a module and of its public classes.

    What an overload or a setter does stands at another definition of the name.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            elsewhere = {"overload", "setter", "deleter"} & decorators(child)
            if not child.name.startswith("_") and not elsewhere:
                yield child
                if isinstance(child, ast.ClassDef):
                    yield from public_definitions(child)
        elif isinstance(child, ast.If | ast.Try | ast.ExceptHandler | ast.With):
            yield from public_definitions(child)


def decorators(node: Definition) -> set[str]:
    """Return the last parts of the names of a definition's decorators."""
    return {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}


def unannotated(function: Function, *, is_method: bool) -> Iterator[str]:
    """Yield what has no type in a function's signature."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args][is_method:]
    others = [arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    for argument in [*positional, *filter(None, others)]:
        if argument.annotation is None:
            yield argument.arg
    if function.returns is None and function.name != "__init__":
        yield "what it returns"


#: Every rule; `tests/test_architecture.py` holds the package to each.
RULES: Iterable[Rule] = (
    imports_point_down,
    nobody_imports_the_facade,
    no_cycles,
    libraries_have_one_door,
    optional_libraries_wait,
    machines_are_pure,
    functions_are_short,
    classes_are_short,
    files_are_short,
    modules_are_named_for_something,
    modules_list_their_names,
    everything_public_has_a_docstring,
    everything_is_annotated,
)
