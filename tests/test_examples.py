"""The Python of README and docs/ runs as printed, page by page, on a tiny model in place of org/name."""

import ast
import json

import planted
import pytest
from reading_docs import PAGES, README, ROOT, blocks
from wide import wide_but

RUN = (README, ROOT / "docs" / "python.md", ROOT / "docs" / "metrics.md")
SERVED = ROOT / "docs" / "space.md"
"""Asks a Space of org/name, which no test has."""


def test_every_page_with_python_is_run():
    assert {page for page in PAGES if blocks(page, "python")} == {*RUN, SERVED}
    ast.parse("".join(blocks(SERVED, "python")))


@pytest.fixture
def small(monkeypatch, brief):
    """Requests ask for few prompts where nothing else is said; short continuations, no pictures, no Hub."""
    from fairhub import pipeline

    defaults = [planted.SIZES if isinstance(value, type(planted.SIZES)) else value
                for value in pipeline.Request.__init__.__defaults__]  # fmt: skip
    monkeypatch.setattr(pipeline.Request.__init__, "__defaults__", tuple(defaults))
    assert pipeline.Request().sizes == planted.SIZES
    monkeypatch.setattr("fairhub.python.auditing.of_audit", lambda _: planted.SIZES)
    monkeypatch.setattr("fairhub.python.repairing.Sizes", lambda: planted.SIZES)


@pytest.fixture
def beside_model(small, tmp_path, monkeypatch):
    """The working folder has a model at org/name, and the files of a checkout."""
    loaded = planted.loaded(planted.planted_model())
    for part in (loaded.model, loaded.tokenizer):
        part.save_pretrained(tmp_path / "org" / "name")
    (tmp_path / "fairhub").symlink_to(ROOT / "fairhub")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("beside_model")
@pytest.mark.parametrize("page", wide_but(RUN, ROOT / "docs" / "metrics.md"), ids=lambda page: page.name)
def test_examples_run(page, capsys):
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), names)
    assert capsys.readouterr().out.strip()
    if "after" in names:  # what python.md says of a repair that is taken back
        assert (names["before"] == names["after"]).all() and (names["inside"] != names["without_head"]).any()


def shown_by(cells, names):
    """Run the code of a notebook, cell by cell, and yield what each ends with: what a notebook shows."""
    for cell in cells:
        *before, last = ast.parse("".join(cell["source"])).body
        exec(compile(ast.Module(before, []), "cell", "exec"), names)
        kind = "eval" if isinstance(last, ast.Expr) else "exec"
        tree = ast.Expression(last.value) if isinstance(last, ast.Expr) else ast.Module([last], [])
        yield eval(compile(tree, "cell", kind), names)


@pytest.mark.usefixtures("beside_model")
def test_the_notebook_runs_and_shows_the_page_of_the_command(tmp_path, capsys):
    held = json.loads((ROOT / "docs" / "audit.ipynb").read_text())
    code = [cell for cell in held["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 2 and not any(cell["outputs"] or cell["execution_count"] for cell in code)
    found, _, own, _ = shown_by(code, {})
    said = " ".join(capsys.readouterr().out.split())
    page = (tmp_path / "audit.html").read_text()
    assert "Who does <bdi>org/name</bdi> judge worse?" in page and found.inside() in found._repr_html_()
    assert found.html() == page
    assert found.findings().opening in " ".join(said.split())  # lines are cut
    assert own.findings().looked and {f.axis for f in own.figures if f.groups} == {"own"}
