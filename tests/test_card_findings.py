"""What a card finds: every figure with its interval, failures as plainly as gains, nothing promised beyond them."""

import re
from dataclasses import replace

import fake_report
import pytest
from carding import listed, rows, section, shown, unchanged

from fairhub import card
from fairhub.card.known import EXPECTED
from fairhub.card.page import PICTURES
from fairhub.card.references import bibtex
from fairhub.methods import METHODS
from fairhub.plots import PICTURES as DRAWN
from fairhub.report import Control, verdict
from fairhub.report.markup import safe
from fairhub.report.tables import unseen_bias
from fairhub.report.wording import odds, points, shift
from fairhub.stats.statistics import Interval


@pytest.fixture(scope="module")
def repair():
    return fake_report.report()


@pytest.fixture(scope="module", params=["repaired", "audited", "unchanged"])
def made(request):
    return {"repaired": fake_report.report, "audited": fake_report.audit, "unchanged": unchanged}[request.param]()


@pytest.fixture(scope="module")
def text(repair):
    return card.render(repair, "acme/smol-fair")


def test_every_figure_appears_with_its_interval(made):
    found = rows(card.render(made))
    for figure in [*listed(made.figures), *(f for control in made.controls for f in control.figures)]:
        assert shown(figure, found), figure.label
    other = replace(made.figures[0], before=Interval(0.5, 0.4, 0.6))
    assert not shown(other, found), "a figure that the report has not is not found"
    gaps = [f for f in listed(made.figures) if f.groups]
    others = [replace(f, before=replace(f.before, value=0.5, low=0.4, high=0.6)) for f in gaps]
    assert len(gaps) > 9 and not any(shown(other, found) for other in others)


def test_what_must_stay_and_utility_stand_beside_bias_at_the_top(repair, text):
    top = text.split("\n# ")[1].split("\n## ")[0].replace("\\", "")
    gap = repair.figure("judgement", "held_out")
    assert odds(gap.before.value) in top and odds(gap.after.value) in top and shift(gap.change) in top
    for name in ("merit", "merit_gap", "incidental", "meaning", "recall", "last_word"):
        assert shift(repair.figure(name, "held_out").change) in top
    assert "nothing of what must stay, by its whole interval" in top
    assert points(repair.figure("specificity", "held_out").after) in top
    assert shift(repair.figure("perplexity", "held_out").change) in top
    assert repair.verdict in top
    assert "no certificate" in top


def test_what_is_missing_is_said_never_zero(repair):
    only = (repair.figure("judgement", "held_out"),)
    bare = replace(repair, figures=only, verdict=verdict(only), controls=(), text=[], reliability={}, trace={})
    said = card.render(bare)
    top = said.split("\n# ")[1].split("\n## ")[0]
    for label in ("sources by other hands", "control pairs", "merit in", "Specificity of", "Utility: perplexity"):
        (row,) = [line for line in top.splitlines() if line.startswith("|") and label in line][:1]
        assert row.count("not measured") == 3, row
    absent = section(said, "### What was not measured")
    assert all(words in absent for *_, words in EXPECTED if words != "who is judged worse on held-out prompts")
    assert "other ways of choosing" in absent and "emissions" in absent and "what the model writes" in absent
    assert "**Not measured.** The model may have become duller" in said
    assert "| external | other sources, by other hands | not measured |" in said
    full = section(card.render(repair), "### What was not measured")
    assert "perplexity" not in full and "divergence on external" not in full


def test_worse_axes_and_contexts_are_named(repair):
    harmed = (
        fake_report.figure(+0.5, axis="disability", clusters=20, seed=8, name="judgement"),
        fake_report.figure(+0.5, "external", axis="age", clusters=20, seed=9, name="judgement"),
        fake_report.figure(+0.5, context="justice", clusters=20, seed=7, name="judgement"),
        fake_report.gap(+0.5, "age", "young", "cold", seed=5),
    )
    said = card.render(replace(repair, figures=(*repair.figures, *harmed)))
    listed = section(said, "### What got worse").replace("\\", "")
    for figure, place in zip(
        harmed, ("axis disability", "external, axis age", "context justice", "young and others"), strict=True
    ):
        (line,) = [line for line in listed.splitlines() if place in line]
        assert shift(figure.change) in line and "beyond the chance" in line
    already = [f for f in repair.figures if f.split in ("held_out", "external") and f.outcome == "worse"]
    assert {f.name for f in already} == {"perplexity", "kl", "recall_right"}, "none is past its limit"
    assert f"What got worse:** {len(harmed) + len(already)} figures" in said
    assert "disability" in section(said, "### Direct Use") and "justice" in section(said, "### Out-of-Scope Use")
    assert "disability" not in section(card.render(repair), "### What got worse")


def test_not_shown_is_said_and_the_fall_off_from_near_to_far(repair, text):
    listed = section(text, "### Where the repair does not carry over")
    unseen = [f for f in unseen_bias(repair.figures) if f.outcome == "better"]
    assert (
        f"{len(unseen)} of {len(unseen_bias(repair.figures))} bias figures" in listed
        and "axis gender" in listed
        and "context housing" in listed
    )
    places = [listed.index(f"| {split} |") for split in ("search", "select", "held\\_out", "external")]
    assert places == sorted(places)
    assert "It is not shown to have fallen for gender." in section(text, "### Direct Use")


@pytest.mark.parametrize(
    ("control", "said_of_pairs", "verdict_"),
    [
        (-0.05, "", "Repaired"),
        (-0.33, "may not have fallen by more than on control pairs", "Duller"),
        (-0.80, "fell by more than demographic ones", "Duller"),
    ],
)
def test_missed_specificity_is_plain(repair, control, said_of_pairs, verdict_):
    gap = repair.figure("judgement", "held_out")
    figures = [gap, fake_report.figure(-0.33), *fake_report.specific(-0.33, control), *fake_report.utility()]
    said = card.render(replace(repair, figures=tuple(figures), verdict=verdict(figures)))
    assert f"> **Verdict.** {verdict_}" in said
    found = section(said, "### Fairer, or only duller?")
    assert said_of_pairs in found and ("Control pairs, which" in found) == (control == -0.80)
    assert ("Nothing of what must stay" in found) == (control == -0.05)
    assert ("divergence, held\\_out, axis control" in found) == (control != -0.05)
    assert ("not as fairer" in section(said, "### Recommendations")) == (control != -0.05)
    assert ("None is recommended" in section(said, "### Direct Use")) == (control != -0.05)


def test_what_was_lost_beyond_its_limit_is_named(repair, text):
    figures = [*fake_report.judged(), *fake_report.kept(meaning=-0.5, merit=-0.5), *fake_report.utility()]
    said = card.render(replace(repair, figures=tuple(figures), verdict=verdict(figures)))
    found = section(said, "### Fairer, or only duller?")
    assert "> **Verdict.** Damaged" in said and "meaning, held\\_out:" in found and "merit, held\\_out:" in found
    assert "recall" not in found and "**Lost beyond its limit:** 2 of what must stay" in said
    assert "past its limit of 5 %**" in section(said, "### What got worse")
    assert "Nothing of what must stay" in section(text, "### Fairer, or only duller?")
    unmeasured = card.render(replace(repair, figures=tuple(fake_report.judged())))
    assert "**Not measured.** The model may" in section(unmeasured, "### Fairer, or only duller?")


def test_no_use_is_recommended_where_bias_did_not_fall(repair):
    for effect in (0.0, +0.4):
        figures = (fake_report.figure(effect, name="judgement", seed=3),)
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
    assert "as far as was measured: refit alone (nothing removed), much better" in top
    compared = section(said, "### Against other ways of choosing")
    assert re.search(r"\| refit alone \(nothing removed\) \|.*\| cannot be told apart \|", compared)
    assert re.search(r"\| much better \|.*\| does better \|", compared)
    assert re.search(r"\| random \(as many units, the same refit; 3 seeds\) \|.*\| does less \|", compared)


def test_rivals_are_compared_on_their_own_prompts(repair):
    # Measured on fewer prompts, this repair did less than in the whole report: that is what a rival must beat.
    own = Control("this repair", 1, (fake_report.figure(-0.05, seed=5),))
    rival = Control("random", 3, (fake_report.figure(-0.06, seed=5),))
    assert "random (3 seeds)" in card.render(replace(repair, controls=(own, rival))).split("\n## ")[0]


def test_text_before_and_after_and_the_rest_folded(repair):
    many = [{"prompt": f"prompt {i}", "before": "a", "after": "b"} for i in range(9)]
    found = section(card.render(replace(repair, text=many)), "### Text Before and After")
    assert "prompt 3" in found.split("<details>")[0] and "prompt 8" in found.split("<details>")[1]


def test_nothing_to_repair_is_an_honest_card():
    made = unchanged()
    said = card.render(made)
    assert "> **Verdict.** Not repaired: nothing was found to remove" in said and "left as it was by fairhub" in said
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
    for name, about in METHODS.items():
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


def test_commands_are_those_of_the_repository(repair, text):
    found = section(text, "### Reproduce")
    for line in (
        "hf download acme/smol-fair --local-dir D && uv run D/reproduce.py",
        "hf cache verify acme/smol-fair",
        "fairhub reproduce acme/smol-fair",
        "hf jobs uv run https://huggingface.co/acme/smol-fair/resolve/main/reproduce.py",
    ):
        assert line in found
    own, theirs = found.index("fairhub reproduce acme/smol-fair"), found.index("uv run D/reproduce.py")
    assert own < found.index("code of the publisher of this repository") < theirs
    assert 'AutoModelForCausalLM.from_pretrained("acme/smol-fair")' in text
    assert "stands for the repository" in card.render(repair) and "stands for the repository" not in text


def test_healed_and_unhealed_promise_what_they_can_keep(repair, text):
    healed, plain = (section(t, "### Reproduce") for t in (text, card.render(replace(repair, healing=None))))
    assert "same machine" in healed and "within a tolerance that whoever checks computes" in healed
    assert "bit for bit" in plain and "whoever checks" not in plain and "bit for bit" not in healed


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
