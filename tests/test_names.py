"""Name prompts, what is expected of their answers, and the gap between groups of names."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from tiny import ARCHITECTURES, architectures

from fairhub.errors import UserError
from fairhub.measure.names import LEVELS, NamePrompt, public, scenarios, shipped
from fairhub.measure.names.answers import Answers, drawn
from fairhub.measure.names.audit import Asked, audit
from fairhub.measure.names.beside import inliers, mover, ranks
from fairhub.measure.names.dialogue import dialogue_of
from fairhub.measure.names.figures import name_figures
from fairhub.measure.names.gap import chance, change, interval, table
from fairhub.measure.names.likelihood import expected
from fairhub.measure.names.sampling import draws
from fairhub.model.loading import Loaded

CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}~{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def asked(names, group, questions=("q1", "q2")):
    return [
        NamePrompt(f"{q} {n}?", "${}", (1.0, 5.0, 12.0), q, "", "low", n, g, "men", "held_out")
        for q in questions for n, g in zip(names, group, strict=True)
    ]  # fmt: skip


def test_every_scenario_level_and_group_is_shipped():
    prompts = shipped(levels=LEVELS, splits=("search", "select", "held_out"))
    assert len(scenarios()) == 8
    assert {(p.race, p.gender) for p in prompts} == set(itertools.product(("black", "white"), ("men", "women")))
    assert len({p.text for p in prompts}) == len(prompts) == 39 * 3 * 64
    assert all("{" not in p.text and p.name in p.text for p in prompts)
    texts = {(p.question, p.name): p.text for p in prompts}
    for question, name in texts:
        if question.endswith("low"):
            low, high, numeric = (texts[question.removesuffix("low") + level, name] for level in LEVELS)
            assert len(low) < len(high) < len(numeric)


def test_no_first_name_or_surname_is_in_two_splits():
    words = {s: {w for p in shipped(splits=(s,)) for w in p.name.split()} for s in ("search", "select", "held_out")}
    assert not any(a & b for a, b in itertools.combinations(words.values(), 2))


def test_the_public_set_is_read_by_folder(tmp_path):
    with pytest.raises(UserError, match="just_prompts.csv"):
        public(tmp_path)
    (tmp_path / "just_prompts.csv").write_text(
        "scenario,variation,name_group,name,context_level,prompt_text\n"
        'purchase,bicycle,white_men,Ada Bo,low,"What, from Ada Bo?"\nchess,unique,black_women,Cy Do,high,Who?\n'
    )
    one, two = public(tmp_path)
    assert (one.race, one.gender, one.text, one.split) == ("white", "men", "What, from Ada Bo?", "external")
    assert max(two.grid) < 1 < max(one.grid)
    assert [p.name for p in public(tmp_path, ["high"])] == ["Cy Do"]
    assert [p.name for p in Asked(levels=("low", "high"), folder=tmp_path).prompts] == ["Ada Bo", "Cy Do"]
    assert [p.name for p in Asked(("purchase",), folder=tmp_path).prompts] == ["Ada Bo"]
    with pytest.raises(UserError, match="has purchase, chess; got 'purchases'; mend --context"):
        Asked(("purchases",), folder=tmp_path).prompts  # noqa: B018
    with pytest.raises(UserError, match="has low, high; got 'numeric'; mend --level"):
        Asked(levels=("low", "numeric"), folder=tmp_path).prompts  # noqa: B018
    with pytest.raises(UserError, match="nothing is asked"):
        Asked(("purchase",), ("high",), folder=tmp_path).prompts  # noqa: B018


def test_a_chat_template_is_used_where_there_is_one(tokenizer):
    plain = dialogue_of(tokenizer)
    assert plain.asked("How much?") == "Question: How much?\nAnswer:"
    tokenizer = replace_template(tokenizer)
    chat = dialogue_of(tokenizer)
    assert chat.asked("How much?") == "<user>How much?~<assistant>"


def replace_template(tokenizer):
    import copy

    other = copy.deepcopy(tokenizer)
    other.chat_template = CHAT
    return other


@pytest.mark.parametrize("branches", [True, False])
@pytest.mark.parametrize("kind", architectures())
def test_expected_answers_are_those_of_plain_forwards(kind, branches, tokenizer, monkeypatch):
    if not branches:
        monkeypatch.setattr("fairhub.measure.names.likelihood.branching", lambda *_: False)
    model, prompts = ARCHITECTURES[kind](), asked(["Ann", "Bob", "Cy"], "aab", ("q1",))
    prompts = [replace(p, grid=(1.0, 12.0, 15.0, 1200.0)) for p in prompts]
    found = expected(model, tokenizer, prompts, temperature=0.6)
    forms = [[" $1"], [" $12"], [" $15"], [" $1200", " $1,200"]]
    for row, prompt in enumerate(prompts):
        plain = [sum(probability(model, tokenizer, prompt, f) for f in same) for same in forms]
        np.testing.assert_allclose(found.shares[row] * found.answered[row], plain, rtol=1e-3)


@torch.inference_mode()
def probability(model, tokenizer, prompt, form):
    """The form is said, and neither a digit nor, after the 1 that begins 1,200, a comma comes after it."""
    start = tokenizer(dialogue_of(tokenizer).asked(prompt.text)).input_ids
    ids = torch.tensor([start + tokenizer(form).input_ids])
    logs = (model(ids).logits[0] / 0.6).log_softmax(-1)
    said = sum(logs[i - 1, ids[0, i]] for i in range(len(start), ids.shape[1])).exp()
    longer = "0123456789" + ("," if form == " $1" else "")
    return float(said * (1 - sum(logs[-1, tokenizer(c).input_ids[-1]].exp() for c in longer)))


@torch.no_grad()
def chain_(model):
    """Make a model answer " $", then ones and fives until it ends the line: its last token says what may follow."""
    follows = {"other": " ", " ": "$", "$": "15", "1": "15\n", "5": "15\n"}
    inputs, outputs = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    inputs.zero_(), outputs.zero_()
    inputs[:, 0] = 1.0
    for place, (before, after) in enumerate(follows.items()):
        if len(before) == 1:
            inputs[ord(before), 0], inputs[ord(before), place] = 0.0, 1.0
        outputs[:, place] = -30 / inputs.shape[1] ** 0.5  # a norm makes a state's length the root of its width
        outputs[[ord(c) for c in after], place] = 0.0
    for layer in model.model.layers:  # what came before still counts, a little
        layer.self_attn.o_proj.weight *= 0.1
        layer.mlp.down_proj.weight *= 0.1


def test_sampling_and_likelihood_agree(tokenizer):
    model = ARCHITECTURES["llama"]()
    chain_(model)
    grid = (1.0, 5.0, 11.0, 15.0, 51.0, 55.0)
    prompts = [replace(p, grid=grid) for p in asked([f"n{i}" for i in range(40)], "a" * 40, ("q",))]
    exact = expected(model, tokenizer, prompts, temperature=1.0)
    _, texts = draws(model, tokenizer, prompts, 6, temperature=1.0, tokens=5)
    begun = [re.match(r" (\$\d+)(?=\D)", text) for row in texts for text in row]
    on_grid = [number[1] for number in begun if number and number[1] in {f"${n:g}" for n in grid}]
    assert len(on_grid) > 60
    assert len(on_grid) / 240 == pytest.approx(exact.answered.mean(), abs=0.08)
    assert on_grid.count("$1") / len(on_grid) == pytest.approx(exact.shares[:, 0].mean(), abs=0.2)


def test_a_standardised_mean_difference_is_the_textbook_one():
    rng = np.random.default_rng(0)
    numbers = rng.normal(10, 3, size=(6, 50)) + np.array([0, 0, 0, 2, 2, 2])[:, None]
    prompts = asked(list("abcdef"), "xxxyyy", ("q",))
    answers = drawn(numbers.tolist()).winsorised(0, 1)
    found = table(prompts, answers)
    one, other = numbers[:3].ravel().clip(*np.quantile(numbers, [0.01, 0.99])), numbers[3:].ravel()
    right = (one.mean() - other.mean()) / np.sqrt((one.var() + other.var()) / 2)
    assert found.smd(np.ones((1, 6)))[0, 0] == pytest.approx(right, rel=0.03)
    inside = interval(found)
    assert inside.low <= inside.value <= inside.high


def test_one_wild_answer_is_winsorised():
    numbers = [[10.0 + i % 3 for i in range(200)] for _ in range(4)]
    numbers[0][0] = 1e9
    prompts = asked(list("abcd"), "xxyy", ("q",))
    assert abs(table(prompts, drawn(numbers)).smd(np.ones((1, 4)))[0, 0]) < 0.05
    assert abs(drawn(numbers).mean[0] - 11) > 1000


def test_a_gap_that_closes_is_seen_and_one_that_does_not_is_not():
    rng = np.random.default_rng(1)
    names, groups = [f"n{i}" for i in range(20)], "x" * 10 + "y" * 10
    prompts = asked(names, groups, tuple(f"q{i}" for i in range(4)))
    group = np.array([p.race == "y" for p in prompts])
    noise = rng.normal(0, 1, (len(prompts), 40))
    wide, closed = drawn((noise + 2 * group[:, None]).tolist()), drawn(noise.tolist())
    found = change(table(prompts, wide), table(prompts, closed))
    assert found.relative < -0.7 and found.p < 0.01 and found.high < 0
    same = change(table(prompts, wide), table(prompts, wide))
    assert same.value == 0 and same.p > 0.9
    assert ranks(prompts, wide).p < 0.001 < 0.05 < ranks(prompts, closed).p
    assert ranks(prompts, wide).u < 0.2


def test_a_gap_is_told_from_what_chance_makes():
    rng = np.random.default_rng(0)
    names = [f"n{i}" for i in range(20)]
    prompts = asked(names, "a" * 10 + "b" * 10, ("q1", "q2", "q3"))
    for shift, shown in ((0.0, False), (3.0, True)):
        given = [[float(n)] for n in rng.normal(50, 2, size=len(prompts)) + [shift * (p.race == "a") for p in prompts]]
        of = table(prompts, drawn(given))
        assert (float(of.size(np.ones((1, 20)))[0]) > chance(of).high) is shown
        assert 0 < chance(of).mean < chance(of).high  # a mean of sizes is never 0


def test_the_earth_movers_distance_is_scipys():
    rng = np.random.default_rng(2)
    numbers = rng.normal(0, 1, (8, 5)) + np.arange(8)[:, None] // 4
    prompts, answers = asked(list("abcdefgh"), "xxxxyyyy", ("q",)), drawn(numbers.tolist())
    right = wasserstein_distance(numbers[:4].ravel(), numbers[4:].ravel()) / numbers.std()
    found = mover(prompts, answers)
    assert found.value == pytest.approx(right) and found.low <= found.value <= found.high


def test_inliers_and_refusals_are_counted():
    prompts = asked(list("abcdef"), "xxxyyy", ("q",))
    base = drawn([[float(i) for i in range(100)]] * 6)
    assert inliers(prompts, base, base).mean() == pytest.approx(0.9, abs=0.02)
    gone = drawn([[1e6] * 50 + [None] * 50] * 6)
    assert inliers(prompts, gone, base).max() == 0
    figures = {f.name: f for f in name_figures(prompts, base, gone)}
    assert figures["refusal_rate"].before.value == 0 and figures["refusal_rate"].after.value == 0.5
    assert figures["refusal_rate"].outcome == "worse"


def test_a_question_must_be_asked_about_every_name():
    prompts = asked(list("abcd"), "xxyy")
    answers = Answers(np.ones((8, 1)), np.ones((8, 1)), np.ones(8))
    with pytest.raises(UserError, match="every name"):
        table(prompts[:-1], answers.of(range(7)))
    with pytest.raises(UserError, match="2 groups"):
        table([replace(p, race="x") for p in prompts], answers)


def test_an_audit_of_names_has_every_figure_and_changes_nothing(tokenizer):
    model = ARCHITECTURES["llama"]()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    loaded = Loaded(model, tokenizer, "tiny", "local")
    figures, tests = audit(loaded, Asked(scenarios=("chess", "sports")))
    places = {(f.name, f.axis, f.context) for f in figures}
    assert {("name_gap", axis, c) for axis in ("race", "gender") for c in ("all", "chess", "sports")} < places
    assert {("name_mover", "race", "all"), ("inlier_ratio", "all", "all"), ("refusal_rate", "all", "all")} < places
    assert len(tests) == 6 and all(0 <= t["u"] <= 1 and 0 < t["p"] <= 1 for t in tests)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
