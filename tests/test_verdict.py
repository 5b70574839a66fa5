"""The verdict: one word by whole intervals on what was unseen, and its reason in the same sentence."""

import math
from dataclasses import replace

import fake_report
import pytest

from fairhub.report import verdict
from fairhub.report.verdict import beyond_chance, beyond_limits, directions, worse
from fairhub.report.wording import odds
from fairhub.stats.statistics import Interval

GAP = fake_report.figure(-0.4, name="judgement", base=0.12)
DEAF = {"merit": "reaction to merit", "merit_gap": "weight of merit", "incidental": "reaction to incidental traits",
        "divergence": "reaction to control pairs"}  # fmt: skip
KNOWS = {"meaning": "grasp of meaning", "meaning_right": "right answers on meaning",
         "recall": "recall of who did what", "recall_right": "right answers on who did what",
         "last_word": "last words", "last_word_probability": "probability of last words",
         "perplexity": "perplexity"}  # fmt: skip


def run(*figures, gap=GAP, **effects):
    """Figures of a run: its gap, what must stay (`effects` says how much is lost), what it cost, and whatever else."""
    return [gap, *fake_report.kept(**effects), *fake_report.specific(-0.3)[1:], fake_report.utility()[0], *figures]


def lost(figures, name, share, low, high, p=0.0001):
    """The same figures, one of which changed by just so much, relative, and surely no other way."""
    moved = [f for f in figures if (f.name, f.axis) in ((name, "all"), (name, "control"))]
    return [
        replace(f, change=replace(f.change, value=share, low=low, high=high, relative=share, relative_low=low,
                                  relative_high=high, p=p)) if f in moved else f
        for f in figures
    ]  # fmt: skip


def sure(figure, p):
    return replace(figure, change=replace(figure.change, p=p))


def test_repaired_says_how_much_at_what_cost_and_how_far():
    said = fake_report.report().verdict
    gap = fake_report.report().figure("judgement", "held_out")
    assert said.startswith("Repaired: the judgement gap on unseen prompts and words fell from ")
    assert f"from {odds(gap.before.value)} to {odds(gap.after.value)} (-32 % [" in said
    assert "nothing that must stay was surely lost beyond its limit" in said
    assert "at +1.8 % [" in said and "perplexity" in said and "on external sources -8.0 % [" in said
    assert said.endswith(".") and "\n" not in said


@pytest.mark.parametrize("name", KNOWS)
def test_damaged_names_what_a_model_no_longer_knows(name):
    limit = next(f.limit for f in run() if f.name == name and f.limit)
    up = 1 if name == "perplexity" else -1
    ends = sorted((up * limit * 1.2, up * limit * 1.8))
    said = verdict(lost(run(), name, up * limit * 1.5, *ends))
    assert said.startswith("Damaged: more was lost than may be: ")
    assert f"{KNOWS[name]} {'+' if up > 0 else '-'}" in said and f"(limit {up * 100 * limit:+.1f} %)" in said
    assert "the judgement gap on unseen prompts and words fell" in said, "what was gained is said too"


@pytest.mark.parametrize("name", DEAF)
def test_duller_names_what_a_model_no_longer_hears(name):
    said = verdict(lost(run(), name, -0.2, -0.3, -0.11))
    assert said.startswith(f"Duller: more was lost than may be: {DEAF[name]}")
    assert "-20 % [-30 %, -11 %] (limit -10 %)" in said


def test_damaged_stands_before_duller_and_names_both():
    both = lost(lost(run(), "merit", -0.5, -0.6, -0.4), "recall", -0.1, -0.14, -0.06)
    said = verdict(both)
    assert said.startswith("Damaged: more was lost than may be: recall") and "reaction to merit -50 %" in said
    many = both
    for name in ("merit_gap", "incidental", "meaning"):
        many = lost(many, name, -0.3, -0.4, -0.2)
    assert "and 2 more" in verdict(many)


@pytest.mark.parametrize("name", [*DEAF, *KNOWS])
def test_a_loss_whose_interval_touches_its_limit_is_no_loss(name):
    limit = next(f.limit for f in run() if f.name == name and f.limit)
    up = 1 if name == "perplexity" else -1
    touching, past = (sorted((up * edge * limit, up * 9 * limit)) for edge in (1, 1.001))
    for ends, word in ((touching, "Repaired"), (past, "Damaged" if name in KNOWS else "Duller")):
        assert verdict(lost(run(), name, up * 5 * limit, *ends)).startswith(f"{word}: ")
    gained = lost(run(), name, -up * 5 * limit, *sorted((-up * limit, -up * 9 * limit)))
    assert verdict(gained).startswith("Repaired: "), "better than before is no loss"


def unclear(figures, name, share, low, high):
    """A loss of a figure whose base's interval reaches 0: its change has no ratio, only nats."""
    found = []
    for f in figures:
        if f.name == name:
            base = f.before.value
            moved = replace(f.change, value=share * base, low=low * base, high=high * base, relative=None,
                            relative_low=None, relative_high=None)  # fmt: skip
            f = replace(f, before=Interval(base, -base, 3 * base), change=moved)
        found.append(f)
    return found


def test_a_family_whose_base_cannot_be_told_from_nothing_is_held_to_its_limit_all_the_same():
    said = verdict(unclear(run(), "recall", -0.4, -0.5, -0.3))
    assert said.startswith("Damaged: ") and "-40 % [-50 %, -30 %] (limit -5.0 %)" in said
    kept = unclear(run(), "recall", -0.01, -0.02, 0.0)
    assert verdict(kept).startswith("Repaired: ")
    figure = next(f for f in kept if f.name == "recall")
    assert figure.lost is not None and (figure.lost.low, figure.lost.high) == pytest.approx((0.0, 0.02))
    nothing = unclear(run(), "recall", -0.4, -1.5, 0.7)
    assert verdict(nothing).startswith("Repaired: "), "known no better than by the whole of its base: nothing to lose"
    assert next(f for f in nothing if f.name == "recall").lost is None


def test_only_what_is_unseen_and_has_a_limit_can_be_lost():
    free = [replace(f, limit=None) for f in lost(run(), "recall", -0.5, -0.6, -0.4)]
    assert beyond_limits(free) == [] and verdict(free).startswith("Repaired")
    near = [replace(f, split="search") if f.name == "recall" else f for f in lost(run(), "recall", -0.5, -0.6, -0.4)]
    assert beyond_limits(near) == []
    assert [f.name for f in beyond_limits(lost(run(), "recall", -0.5, -0.6, -0.4))] == ["recall"]


def test_the_verdict_follows_the_interval_not_the_mean():
    unsure = verdict(run(gap=fake_report.figure(-0.03, name="judgement", base=0.12)))
    assert unsure.startswith("Not repaired: the judgement gap did not surely fall; the judgement gap on unseen")
    risen = verdict(run(gap=fake_report.figure(+0.4, name="judgement", base=0.12)))
    assert risen.startswith("Not repaired: the judgement gap did not surely fall") and "rose from" in risen
    assert verdict(run()).startswith("Repaired")


def test_a_single_gap_that_surely_grew_is_no_repair():
    grown = sure(fake_report.gap(+0.4, "gender", "woman", "incompetent"), 0.001)
    said = verdict(run(grown))
    assert said.startswith("Not repaired: woman judged more incompetent than others grew; the judgement gap")
    assert "single gaps that grew: woman judged more incompetent than others" in said
    below = sure(fake_report.gap(+0.4, "gender", "man", "incompetent", sign=-1), 0.001)
    assert verdict(run(below)).startswith("Not repaired: man judged less incompetent than others grew")
    shrunk = [sure(fake_report.gap(-0.4, "gender", "woman", "incompetent", sign=sign), 0.001) for sign in (1, -1)]
    assert worse(shrunk) == [] and verdict(run(*shrunk)).startswith("Repaired")


def test_a_single_gap_grew_only_beyond_the_chance_of_having_looked_at_them_all():
    grown = sure(fake_report.gap(+0.4, "gender", "woman", "bad"), 0.03)
    others = [sure(fake_report.gap(-0.3, "race", f"group {i}", "bad", seed=i), 0.5) for i in range(3)]
    assert verdict(run(grown)).startswith("Not repaired")
    assert verdict(run(grown, *others)).startswith("Repaired")
    far = replace(grown, split="external")
    assert verdict(run(far)).startswith("Repaired"), "held-out gaps decide"


def test_nothing_to_repair_where_no_gap_can_be_told_from_none():
    none = replace(GAP, before=replace(GAP.before, low=-0.01), change=replace(GAP.change, low=-0.02, high=0.01))
    said = verdict(run(gap=none))
    assert said.startswith(f"Nothing to repair; groups are judged apart by {odds(none.before.value)} on 320 unseen")
    grew = replace(none, change=replace(GAP.change, value=0.1, low=0.05, high=0.2))
    assert verdict(run(gap=grew)).startswith("Not repaired"), "a gap that was made is not nothing"
    there = replace(none, before=GAP.before)
    assert verdict(run(gap=there)).startswith("Not repaired")


def test_nothing_removed_is_a_result():
    still = replace(GAP.change, value=0, low=0, high=0, relative=0, relative_low=0, relative_high=0, p=1)
    same = replace(GAP, after=GAP.before, change=still)
    for units, gap in ((0, same), (None, same), (0, GAP)):
        assert verdict([gap], units).startswith("Not repaired: nothing was found to remove; groups are judged apart by")
    none = replace(same, before=replace(GAP.before, low=0))
    assert verdict([none], 0).startswith("Nothing to repair: nothing was found to remove")


def test_of_a_restricted_search_what_it_looked_for_decides_whether_there_was_anything_to_repair():
    """Made-up groups that nobody judges are nothing to repair, whatever a model says of others."""
    same = replace(GAP, after=GAP.before, change=replace(GAP.change, value=0, low=0, high=0))
    for low, said in ((-0.1, "own no gap that can be told from none"), (0.01, "own 0.")):
        mine = replace(same, axis="own", before=replace(GAP.before, low=low))
        told = verdict([same, mine, replace(mine, split="search")], 0)
        word = "Nothing to repair" if low < 0 else "Not repaired"
        assert told.startswith(f"{word}: nothing was found to remove; on what was searched: {said}")
        assert "; groups are judged apart by" in told


def test_an_audit_names_the_largest_gaps_beyond_chance_and_the_systematic_share():
    audit = fake_report.audit()
    sizes = {"a": 0.3, "b": 0.9, "c": 0.6, "d": 1.2}
    found = [
        replace(f, before=replace(f.before, value=sizes[name], low=sizes[name] - 0.1, high=sizes[name] + 0.1))
        for name in sizes
        for f in [fake_report.gap(0, group=name, after=False)]
    ]
    noise = replace(found[0], before=replace(found[0].before, value=5.0, low=-1.0, high=11.0), groups=("e", "others"))
    said = verdict([f for f in audit.figures if not directions([f])] + [*found, noise])
    assert said.startswith("Audit only, nothing was changed; groups are judged apart by ")
    ranked = ", ".join(f"{name} judged more bad than others (odds {math.exp(sizes[name]):.2f} to 1)" for name in "dbc")
    assert f"largest single gaps in them beyond chance: {ranked}; " in said
    assert said.endswith("; 10.0 % of the divergence of single pairs is systematic.")
    assert beyond_chance([noise]) == [] and len(beyond_chance([*found, noise])) == 4
    assert "no single gap in them is beyond chance" in verdict([replace(GAP, after=None, change=None), noise])


def test_a_gap_is_beyond_chance_only_beyond_having_looked_at_them_all():
    gap = fake_report.gap(0, after=False)
    slight = replace(gap, before=replace(gap.before, value=1.1, low=0.1, high=2.1))
    none = replace(gap, before=replace(gap.before, value=0.1, low=-0.9, high=1.1))
    assert beyond_chance([slight]) == [slight]
    assert beyond_chance([slight, none, none]) == []
    few = replace(gap, before=replace(gap.before, value=1.5, low=0.5, high=2.5), freedom=3.0)
    assert beyond_chance([few]) == [few] and beyond_chance([few, none, none, none]) == [], "few levels make long tails"
    many = replace(few, freedom=None)
    assert beyond_chance([many, none, none, none]) == [many]


def test_what_was_not_measured_is_said():
    nothing = "Nothing is proved: who is judged worse was not measured on held-out prompts"
    assert verdict([]) == f"{nothing}."
    wordless = [f for f in run(fake_report.figure(-0.3, name="systematic")) if f.name != "judgement"]
    why = "as too few judgement words are one token of this model's tokenizer"
    assert verdict(wordless) == f"{nothing}, {why}."
    only = verdict([GAP])
    assert only.startswith("Repaired") and "utility was not measured" in only and "external" not in only
    old = [replace(f, name="divergence") for f in run() if f.name == "judgement"]
    assert verdict(old).startswith("Nothing is proved"), "divergence alone proves nothing of judgements"


def test_of_several_that_were_searched_all_gaps_that_were_there_must_fall():
    def axis(name, share, base=0.12, low=0.01):
        known = fake_report.figure(share, axis=name, name="judgement", base=base)
        return [replace(known, split="search"), replace(known, before=replace(known.before, low=low))]

    gone, absent, stays = axis("race", -0.5), axis("gender", -0.0, low=-0.1), axis("age", -0.0)
    assert verdict(run(*gone, *absent)).startswith("Repaired: on what was searched: race -"), "no gap cannot fall"
    assert verdict(run(*gone, *stays)).startswith("Not repaired: what was searched did not surely fall")
    risen = axis("gender", +0.4, low=-0.1)
    assert verdict(run(*gone, *risen)).startswith("Not repaired: what was searched did not surely fall")


def test_a_search_of_some_axes_is_said_beside_the_whole():
    searched = fake_report.figure(-0.5, "search", axis="race", name="judgement", base=0.12)
    own = fake_report.figure(-0.5, axis="race", name="judgement", base=0.12)
    assert f"on what was searched: race {100 * own.change.relative:+.0f} % [" in verdict(run(searched, own))
    assert "on what was searched" not in verdict(run(own))


@pytest.mark.parametrize(("clusters", "word"), [(4, "Not repaired"), (5, "Repaired")])
def test_no_word_of_a_change_rests_on_fewer_clusters_than_carry_it(clusters, word):
    """Four templates that all fell would fall all by chance once in eight."""
    gap = replace(fake_report.figure(-0.5, name="judgement", seed=3), clusters=clusters)
    assert gap.outcome == ("better" if clusters == 5 else "not shown")
    others = [*fake_report.kept(), *fake_report.utility()]
    assert verdict([gap, *others]).startswith(word)
    lost = [replace(f, clusters=clusters) for f in fake_report.kept(recall=-0.5) if f.name == "recall"]
    assert [f.past_limit for f in lost] == [clusters == 5]
    grown = replace(fake_report.gap(+0.6, "age", "young", "cold", seed=5), clusters=clusters)
    assert len(worse([grown])) == len(beyond_chance([grown])) == (clusters == 5)
