"""What the tests of the repository itself share: its files, its packages, and who imports whom."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("spaces", "hls", "search", "experiments")


def ignored(path: Path) -> bool:
    """Whether .gitignore leaves a file out; git's own metadata counts as left out."""
    return any(fnmatch(part, one) for part in path.relative_to(ROOT).parts for one in _patterns())


@functools.cache
def _patterns() -> tuple[str, ...]:
    return (*(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split() if line), ".git")


def files() -> list[Path]:
    """Return every file that .gitignore does not leave out, with or without git's own metadata."""
    found = []
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.is_symlink() or ignored(path):
                continue
            if path.is_dir():
                folders.append(path)
            else:
                found.append(path)
    return found


def texts() -> dict[Path, str]:
    """Return the files that hold text, with it."""
    found = {}
    for path in files():
        try:
            found[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def package_folders() -> list[Path]:
    """Return the folders of the four packages and of what is inside them that are packages."""
    return sorted(
        path.parent
        for path in files()
        if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] in PACKAGES
    )


def modules() -> dict[str, Path]:
    """Return the modules of the packages: dotted name -> file; a package stands for its __init__.py."""
    found = {}
    for folder in package_folders():
        dotted = ".".join(("bitfront", *folder.relative_to(ROOT).parts))
        for path in sorted(folder.glob("*.py")):
            found[dotted if path.name == "__init__.py" else f"{dotted}.{path.stem}"] = path
    return found


@dataclass(frozen=True)
class Import:
    """One import of one name.

    Attributes:
        target: the dotted name of what is imported, resolved where it was relative.
        lazy: whether it stands inside a function, so that it runs only when that is called.
        typing: whether it stands under `if TYPE_CHECKING`, so that it never runs.
        line: where it stands.
    """

    target: str
    lazy: bool
    typing: bool
    line: int


def imports(name: str, path: Path) -> list[Import]:
    """Return what a module imports, in any place of it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: list[Import] = []

    def visit(node: ast.AST, lazy: bool, typing: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, lazy, typing, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            found.extend(Import(f"{base}.{alias.name}", lazy, typing, node.lineno) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            checked = typing or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
            visit(child, inside, checked)

    visit(ast.parse(path.read_text()), False, False)
    return found


def owner(target: str, known: dict[str, Path]) -> str | None:
    """Return the module of ours that an imported name belongs to, or None where it is not ours."""
    while target and target not in known:
        target = target.rpartition(".")[0]
    return target or None
