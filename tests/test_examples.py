"""The Python of README and docs/ runs as printed, page by page, on a tiny model in place of org/name."""

import ast

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


@pytest.mark.parametrize("page", wide_but(RUN, ROOT / "docs" / "metrics.md"), ids=lambda page: page.name)
def test_examples_run(page, small, tmp_path, monkeypatch, capsys):
    loaded = planted.loaded(planted.planted_model())
    for part in (loaded.model, loaded.tokenizer):
        part.save_pretrained(tmp_path / "org" / "name")
    (tmp_path / "fairhub").symlink_to(ROOT / "fairhub")  # examples of a checkout name its files
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), names)
    assert capsys.readouterr().out.strip()
    if "after" in names:  # what python.md says of a repair that is taken back
        assert (names["before"] == names["after"]).all() and (names["inside"] != names["without_head"]).any()
