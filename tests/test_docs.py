"""README and docs/ hold: each command, option, file and anchor is there, and what is generated is up to date."""

import re

import pytest
import typer
from reading_docs import (
    PAGES,
    ROOT,
    anchors,
    blocks,
    code,
    commands,
    generator,
    links,
    paths,
    prose,
    shell,
    targets,
    written,
)

from fairhub.__main__ import app
from fairhub.errors import UserError
from fairhub.methods import METHODS

VERBS = typer.main.get_command(app).commands
COMMANDS = [(page.name, words) for page in PAGES for words in commands(shell(page))]
PUBLISHED = {"fairhub/report.json", "fairhub/recipe.json", "fairhub/items.npz", "fairhub/*.whl"}
"""Files of a published model, not of this repository."""
PLACEHOLDERS = {"tests/FILE.py"}


def flags(verb):
    return {flag for parameter in VERBS[verb].params for flag in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=[f"{page}: {' '.join(words)}" for page, words in COMMANDS])
def test_commands_are_understood(page, words):
    VERBS[words[0]].make_context(words[0], list(words[1:]))  # raises where an option or a value is not one
    for option, value in zip(words, words[1:], strict=False):
        if option in ("--method", "--methods"):
            assert set(value.split(",")) <= METHODS.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_prose_are_verbs_with_such_options(page):
    for words in commands(code(page)):
        assert words[0] in VERBS, f"fairhub {words[0]} is no verb"
        assert {word for word in words if word.startswith("--")} <= flags(words[0]) | {"--help"}


def test_every_verb_and_option_is_explained_by_hand():
    """In an example or in prose, beside the table that is generated."""
    text = "\n".join(written(page) for page in PAGES)
    named = set(re.findall(r"--[a-z-]+", text))
    for verb in VERBS:
        assert any(words[0] == verb for _, words in COMMANDS), f"no example of fairhub {verb}"
        for parameter in VERBS[verb].params:
            if parameter.param_type_name == "option" and parameter.opts != ["--out"]:
                assert named & set(parameter.opts), f"{verb} {parameter.opts[0]} is not named"


def test_options_named_are_options_of_some_verb():
    known = set().union(*map(flags, VERBS), {"--help"})
    known |= {"--nproc_per_node", "--num_processes", "--local-dir"}  # of torchrun, accelerate and hf
    for page in PAGES:
        named = {word for line in code(page) for word in re.findall(r"(?<!\S)--[a-z][a-z_-]+", line)}
        assert named <= known, f"{page.name} names {sorted(named - known)}"


def test_methods_and_suites_that_tables_name_exist():
    from fairhub.measure.benchmarks.suite import SUITES

    first = {name: re.findall(r"^\| (`.*?) \|", prose(ROOT / "docs" / f"{name}.md"), re.M) for name in
             ("methods", "benchmarks")}  # fmt: skip
    assert {value for _, words in COMMANDS for option, value in zip(words, words[1:], strict=False)
            if option == "--suite"} <= SUITES.keys()  # fmt: skip
    assert {word for cell in first["methods"] for word in re.findall(r"`(\w+)`", cell)} == METHODS.keys()
    assert {word for cell in first["benchmarks"] for word in re.findall(r"`(\w+)`", cell)} == SUITES.keys()


def test_targets_of_make_exist():
    named = set().union(*map(targets, PAGES))
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {"install", "repair", "test", "docs"} <= named <= made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links {link}"
        assert not anchor or anchor in anchors(there), f"{link} is no heading of {there.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_exist(page):
    named = set(paths(page)) - PUBLISHED - PLACEHOLDERS
    gone = sorted(path for path in named if not list(ROOT.glob(path.rstrip("/"))))
    assert not gone


def test_tests_that_prove_promises_exist():
    """A row names a file once, and then its tests: `test_file: name`, `another_name`."""
    promises = 0
    for row in re.findall(r"^\| .* \| (.*) \|$", written(ROOT / "docs" / "security.md"), re.M):
        file = ""
        for words in re.findall(r"`((?:test_\w+: )?\w+)`", row):
            named, _, name = words.rpartition(": ")
            file = named or (name if name.startswith("test_") else file)
            text = (ROOT / "tests" / f"{file}.py").read_text()
            assert name == file or f"def test_{name}(" in text, f"{file}: {name}"
            promises += 1
    assert promises > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lists_stand_apart(page):
    """A list that follows a sentence without an empty line is part of the sentence on the site."""
    text = prose(page).split("---\n", 2)[-1]
    assert not re.findall(r"^(?!- |\d\. |#|  )\S.*\n(?:- |1\. ).*", text, re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_generated_is_up_to_date(page):
    text = page.read_text(encoding="utf-8")
    assert generator().filled(text) == text, f"{page.name} differs from the code; make docs fills it in"


def test_a_page_that_is_stale_is_seen():
    text = "<!-- generated: commands -->\nof yesterday\n<!-- /generated -->\n"
    filled = generator().filled(text)
    assert "fairhub repair" in filled and "of yesterday" not in filled and generator().filled(filled) == filled


def test_probe_file_example_is_read(tmp_path):
    from fairhub.inputs.probes import read_probes

    (example,) = blocks(ROOT / "docs" / "probes.md", "json")
    file = tmp_path / "probes.jsonl"
    file.write_text(example)
    probes = read_probes(file)
    assert len(probes) == len(example.splitlines())
    file.write_text(example.replace("text_a", "text"))  # positive control: a wrong column is refused
    with pytest.raises(UserError, match="text_a"):
        read_probes(file)


def test_imports_point_the_way_that_architecture_says():
    import ast

    lines = next(block for block in blocks(ROOT / "docs" / "architecture.md", "text") if block.startswith("errors"))
    place = {name: number for number, line in enumerate(lines.splitlines()) for name in line.split()}
    parts = {path.stem for path in (ROOT / "fairhub").iterdir() if (path / "__init__.py").is_file()} | {
        path.stem for path in (ROOT / "fairhub").glob("*.py") if not path.stem.startswith("__")
    }
    assert place.keys() == parts
    wrong = []
    for file in (ROOT / "fairhub").rglob("*.py"):
        own = file.relative_to(ROOT / "fairhub").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fairhub":
                names = [node.module.split(".")[1]] if "." in node.module else [name.name for name in node.names]
                wrong += [f"{own} imports {name}" for name in names if name != own and own in place
                          and place[name] >= place[own]]  # fmt: skip
    assert not wrong
