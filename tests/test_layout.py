"""Imports point one way, from folder to folder; files, functions and the package's top stay small."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fairhub"
MAY_IMPORT = {
    "errors": "",
    "defaults": "",
    "files": "errors",
    "stats": "errors",
    "run": "errors files",
    "report": "errors defaults files stats",
    "model": "errors files",
    "inputs": "errors files run model",
    "edit": "errors inputs model run",
    "compute": "errors inputs model run edit",
    "measure": "errors files stats run report inputs model edit compute",
    "metrics": "errors stats inputs model compute measure",
    "search": "errors stats run inputs model compute measure",
    "methods": "errors defaults stats run report inputs model edit compute measure search",
    "request": "errors defaults files inputs measure methods",
    "card": "report stats methods",
    "plots": "report stats model measure",
    "proof": "errors files stats run report inputs model edit compute measure metrics methods",
    "pipeline": "errors run report inputs model edit compute measure methods request plots proof",
    "python": "errors defaults report inputs model measure methods request pipeline",
    "cost": "errors run inputs model edit compute measure search methods request pipeline",
    "publish": "errors files stats run report card inputs model edit measure methods request proof pipeline",
    "studies": "errors defaults stats run report inputs model edit compute measure search methods request plots proof "
    "pipeline",
    "space": "errors defaults files run report card inputs model edit compute measure methods request plots "
    "pipeline cost publish studies",
    "commands": "errors defaults files run report inputs model measure methods request proof pipeline cost publish "
    "studies",
    "__main__": "errors commands",
}
"""Each folder or module of the package's top, in the order that data flows, and what it may import."""
MOST_AT_TOP = 6
MOST_LINES = 300
MOST_OF_A_FUNCTION = 50


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def of_top(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and what stands there of the package's top, also inside functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports name the whole path"
            names = [node.module] if node.module != "fairhub" else [f"fairhub.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name.split(".")[1]) for name in names if name and name.startswith("fairhub."))


def test_the_table_points_one_way():
    for place, (name, allowed) in enumerate(MAY_IMPORT.items()):
        assert set(allowed.split()) <= set(list(MAY_IMPORT)[:place]), name


def test_every_folder_imports_what_the_table_lets_it():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {of_top(path)} may not import {name}"
        for path in modules()
        if of_top(path) != "__init__"
        for line, name in imported(path)
        if name not in (of_top(path), *MAY_IMPORT[of_top(path)].split())
    ]
    assert wrong == []


def test_no_row_of_the_table_allows_what_nobody_uses():
    used = {of_top(path): set() for path in modules()}
    for path in modules():
        used[of_top(path)] |= {name for _, name in imported(path)} - {of_top(path)}
    assert {
        name: set(row.split()) - used[name] for name, row in MAY_IMPORT.items() if set(row.split()) - used[name]
    } == {}


def test_the_top_is_small_and_every_folder_says_what_it_is():
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_AT_TOP
    folders = {path.parent for path in modules()}
    assert all(ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) for folder in folders)


@pytest.mark.parametrize("folder", ["fairhub", "benchmarks"])
def test_files_and_functions_are_short(folder):
    long = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MOST_LINES:
            long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= MOST_OF_A_FUNCTION:
                long.append(f"{path.relative_to(ROOT)}: {node.name} has {node.end_lineno - node.lineno + 1} lines")
    assert long == []
