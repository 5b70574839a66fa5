"""Fills in what pages of docs/ take from the code: options of commands, folders of the package, benchmark scripts.

A page marks the place with `<!-- generated: NAME -->` and `<!-- /generated -->`. `make docs` runs this file; a test
compares.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).resolve().parent.parent
_PLACE = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def commands() -> str:
    """Return every command in Markdown: what it does, its arguments, its options and their defaults."""
    from fairhub.__main__ import app

    group: Any = typer.main.get_command(app)
    return "\n".join(_command(name, command) for name, command in group.commands.items())


def folders() -> str:
    """Return the folders of the package in Markdown, each with the first line of its docstring."""
    inits = sorted((ROOT / "fairhub").glob("*/__init__.py"))
    return _table("folder", {f"fairhub/{init.parent.name}/": _first_line(init) for init in inits})


def scripts() -> str:
    """Return the scripts of benchmarks/ in Markdown, each with the first line of its docstring."""
    files = sorted((ROOT / "benchmarks").glob("*.py"))
    return _table("script", {f"benchmarks/{file.name}": _first_line(file) for file in files})


PARTS: Mapping[str, Callable[[], str]] = {"commands": commands, "folders": folders, "scripts": scripts}
"""What can be filled in, by the name in its mark."""


def filled(page: str) -> str:
    """Return the page with every marked place as the code has it now."""
    return _PLACE.sub(lambda place: f"{place[1]}{PARTS[place[2]]()}{place[3]}", page)


def _table(kind: str, lines: Mapping[str, str]) -> str:
    rows = [f"| `{name}` | {line} |" for name, line in lines.items()]
    return "\n".join([f"| {kind} | what it does |", "|---|---|", *rows, ""])


def _command(name: str, command: Any) -> str:
    """Return a command in Markdown: what it does, its usage, its table."""
    about = " ".join(command.help.split())
    arguments = [(p.name.upper(), p.required) for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([f"fairhub {name}", *(word if required else f"[{word}]" for word, required in arguments)])
    table = ["| argument or option | default | what it does |", "|---|---|---|", *map(_row, command.params)]
    return "\n".join([f"### fairhub {name}", about, "", f"`{usage} [OPTIONS]`", "", *table, ""])


def _row(parameter: Any) -> str:
    help_text = parameter.help.replace("|", "/")
    return f"| `{_words(parameter)}` | {_default(parameter)} | {help_text} |"


def _words(parameter: Any) -> str:
    """Return what is typed: an argument in capitals, an option with its value, dots where it may be repeated."""
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    words = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return words
    value = " ".join([parameter.opts[0].strip("-").upper()] * parameter.nargs)
    return f"{words} {value}{' ...' if parameter.multiple else ''}"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value in ("", [], ()):
        return ""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"`{value}`"


def _first_line(file: Path) -> str:
    first = re.match(r'"""(.*)', file.read_text(encoding="utf-8"))
    assert first, f"{file.relative_to(ROOT)} opens with no docstring"
    return first[1].removesuffix('"""').rstrip()


if __name__ == "__main__":
    for path in sorted((ROOT / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if (anew := filled(text)) != text:
            path.write_text(anew, encoding="utf-8")
