"""README says what is there: its tree, its commands and their options, its example of a probe file."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from fairhub.__main__ import app
from fairhub.errors import UserError
from fairhub.inputs.probes import read_probes

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
NOTES = {  # what is not a Python module, and folders without a docstring of their own
    "data/": "the shipped probes and their data card",
    "benchmarks/": "speed against plain PyTorch and reliability, one script a table",
    "model_cards/": "example cards of real runs, which a test renders again",
    "tests/": "one file a module; tiny random models, one with planted bias, and a Hub",
    "space_app.py": "the Space: what a visitor meets, and what make space starts",
    ".ci/run": "installs, lints and tests on a bare machine",
    "Makefile": "make repair, test, test-slow, test-all, browser, lint, bench, cards, space, deploy-space",
    "requirements.txt": "what fairhub needs, as ranges",
    "constraints.txt": "the versions it is tested with",
    "pyproject.toml": "the package, the command line's name, lint and test settings",
}
SKIPPED = {
    ".git", ".venv", "runs", "build", "dist", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
}  # fmt: skip


def tree() -> str:
    """The tree as README prints it: each module's first docstring line is its comment."""
    rows = [("fairhub/", doc(ROOT / "fairhub" / "__init__.py"))]
    rows += [(f"  {file.name}", doc(file)) for file in modules(ROOT / "fairhub")]
    for folder in sorted(path for path in (ROOT / "fairhub").iterdir() if path.is_dir() and path.name not in SKIPPED):
        init = folder / "__init__.py"
        rows.append((f"  {folder.name}/", doc(init) if init.is_file() else NOTES[f"{folder.name}/"]))
        rows += [(f"    {file.name}", doc(file)) for file in modules(folder)]
    rows.append(("benchmarks/", NOTES["benchmarks/"]))
    rows += [(f"  {file.name}", doc(file)) for file in modules(ROOT / "benchmarks")]
    rows += [(name, note) for name, note in NOTES.items() if name not in ("data/", "benchmarks/")]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{width}}{note}" for name, note in rows)


def modules(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.py")) if file.name != "__init__.py"]


def doc(file: Path) -> str:
    first = re.match(r'(?:#!.*\n)?"""(.*)', file.read_text(encoding="utf-8"))
    assert first, f"{file.relative_to(ROOT)} opens with no docstring"
    return first[1].removesuffix('"""').rstrip()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.S | re.M)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if "fairhub" in line.split("#")[0]]
    return [w[1:] for w in words if w and Path(w[0]).name == "fairhub"]


def test_tree_is_the_files():
    expected = tree()
    shown = blocks("text")
    assert any(block.strip("\n") == expected for block in shown), f"README's tree must read:\n```text\n{expected}\n```"


def test_notes_name_what_exists():
    assert all((ROOT / name).exists() for name in NOTES if name != "data/")


def test_make_targets_exist():
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(re.findall(r"`[^`]+`", README.read_text()) + blocks("bash"))))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {"repair", "test"} <= named <= targets


@pytest.mark.parametrize("words", commands() if README.is_file() else [], ids=" ".join)
def test_commands_are_understood(words):
    group = typer.main.get_command(app)
    command = group.commands[words[0]]
    command.make_context(words[0], list(words[1:]))  # raises where an option or a value is not one


def test_every_command_and_option_is_named():
    shown = README.read_text(encoding="utf-8")
    for name, command in typer.main.get_command(app).commands.items():
        assert any(words[0] == name for words in commands()), f"no example of fairhub {name}"
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert any(f"{flag}" in shown for flag in parameter.opts), f"{name} {parameter.opts[0]} is not named"


def test_probe_file_example_is_read(tmp_path):
    (example,) = blocks("json")
    file = tmp_path / "probes.jsonl"
    file.write_text(example)
    probes = read_probes(file)
    assert len(probes) == len(example.splitlines())
    file.write_text(example.replace("text_a", "text"))  # positive control: a wrong column is refused
    with pytest.raises(UserError, match="text_a"):
        read_probes(file)


def test_pictures_and_files_linked_exist():
    links = re.findall(r"\]\(((?!https?:|#)[^)]+)\)", README.read_text(encoding="utf-8"))
    pictures = {"docs/who_is_judged_worse.png"}  # put there with the report
    assert {link for link in links if not (ROOT / link).exists()} <= pictures


def test_no_absolute_paths():
    # In two parts, so that this file does not name them.
    machine = re.compile(r"(?<![\w.~}>)\]])/(" + "|".join(["wo" + "rk", "tm" + "p", "ro" + "ot", "ho" + "me"]) + r")/")
    assert machine.search("see /" + "tm" + "p/x")  # positive control
    found = []
    for file in ROOT.rglob("*"):
        if SKIPPED & set(file.relative_to(ROOT).parts) or ".egg-info" in str(file) or not file.is_file():
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        found += [f"{file.relative_to(ROOT)}: {match[0]}" for match in machine.finditer(text)]
    assert not found


if __name__ == "__main__":
    print(tree())
