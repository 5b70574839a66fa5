"""Set differences by brute force, scores by hand, and the method on a tiny model."""

import itertools
from dataclasses import replace

import numpy as np
import planted
import pytest
import torch
from tiny import ARCHITECTURES
from torch import nn
from wide import wide_but

from fairhub.edit.masking import masked
from fairhub.edit.repair import Repair
from fairhub.edit.zeroing import queries_zeroed, weights_zeroed
from fairhub.errors import UserError
from fairhub.inputs.gathering import gather
from fairhub.measure.divergence import divergences
from fairhub.methods import METHODS
from fairhub.methods.breaking_down_bias import breaking_down_bias, parsed, publishable
from fairhub.methods.group_scores import Rows, rows_of, snip_units, snip_weights, wanda_units, wanda_weights
from fairhub.methods.name_attention import attention_to_names, iteratively
from fairhub.methods.set_difference import generalised, set_difference
from fairhub.model.architecture import sites
from fairhub.model.units import Unit
from fairhub.pipeline import task_of
from fairhub.run.folder import Run


def brute(one, other, q, p):
    places = list(itertools.product(range(8), range(8)))
    best = [sorted(places, key=lambda at: -float(scores[at]))[: int(share * 64 + 1e-9)] for scores, share in
            ((one, q), (other, p))]  # fmt: skip
    return {at for at in best[0] if at not in best[1]}


@pytest.mark.parametrize(("q", "p"), [(0.15, 0.15), (0.5, 0.25), (1.0, 0.5), (0.3, 0.0), (0.0, 0.3), (0.02, 1.0)])
def test_the_set_difference_of_8_by_8_matrices_is_that_of_sorting_by_hand(q, p):
    for seed in range(5):
        one, other = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(seed))
        found = set_difference(one, other, q, p)
        assert {tuple(at) for at in found.nonzero().tolist()} == brute(one, other, q, p)


def test_the_generalised_version_is_the_intersection():
    parts = list(torch.rand(5, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.7)
    assert torch.equal(generalised(parts), torch.stack(parts).all(0)) and generalised(parts).any()
    assert torch.equal(generalised(parts, 0.6), torch.stack(parts).int().sum(0) >= 3)
    assert torch.equal(generalised(parts, 0.0), torch.stack(parts).any(0))


def rows(tokens=(5, 9), asked=(3, 6)):
    texts = [list(range(10 + 7 * i, 10 + 7 * i + n)) for i, n in enumerate(asked)]
    answers = [list(range(90, 90 + n - a)) for n, a in zip(tokens, asked, strict=True)]
    return rows_of(texts, answers, torch.device("cpu"))


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_wanda_is_weight_times_the_norm_of_its_input(kind):
    model, asked = ARCHITECTURES[kind](), rows()
    found = wanda_weights(model, asked)
    site = [site for site in sites(model) if site.kind == "neuron"][1]
    name = next(name for name, module in model.named_modules() if module is site.module)
    inputs = []
    handle = site.module.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    for row, length in zip(asked.ids, asked.lengths, strict=True):  # each text alone: no padding to forget
        model(row[None, :length])
    handle.remove()
    norm = torch.cat([x.reshape(-1, x.shape[-1]) for x in inputs]).square().mean(0).sqrt()
    torch.testing.assert_close(found[name], site.weight.abs() * norm, rtol=1e-4, atol=1e-6)
    units = wanda_units(model, asked)[site.layer, "neuron"]
    torch.testing.assert_close(units, found[name].square().sum(0).sqrt(), rtol=1e-4, atol=1e-6)


def test_snip_is_the_gradient_of_the_answers_loss_row_by_row():
    model, asked = ARCHITECTURES["llama"](), rows()
    found, weight = snip_weights(model, asked), model.model.layers[1].mlp.down_proj.weight
    total = torch.zeros_like(weight)
    for row, length, start in zip(asked.ids, asked.lengths, asked.asked, strict=True):
        weight.requires_grad_(True)
        logits = model(row[None, :length]).logits[0]
        loss = nn.functional.cross_entropy(logits[start - 1 : length - 1], row[start:length], reduction="sum")
        total += torch.autograd.grad(loss, weight)[0].abs()
    right = weight.abs() * total
    torch.testing.assert_close(found["model.layers.1.mlp.down_proj"], right.detach(), rtol=1e-3, atol=1e-7)
    scores = snip_units(model, asked)
    assert set(scores) == {(layer, kind) for layer in (0, 1) for kind in ("head", "neuron")}
    assert all(bool((s > 0).any()) for s in scores.values())


def test_weights_and_queries_come_back_exactly():
    model = ARCHITECTURES["llama"]()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ids = torch.arange(10, 22)[None]
    base = model(ids).logits
    mask = torch.zeros(32, 48, dtype=torch.bool)
    mask[:, 5] = True  # a whole column: the same as removing that neuron
    with weights_zeroed(model, {"model.layers.1.mlp.down_proj": mask}):
        one = model(ids).logits
    with masked(model, frozenset({Unit(1, "neuron", 5)})):
        assert torch.equal(one, model(ids).logits)
    with pytest.raises(RuntimeError), queries_zeroed(model, frozenset({Unit(0, "head", 1)})):
        assert not torch.equal(model(ids).logits, base)
        raise RuntimeError
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(UserError, match="a matrix of their own; gpt2 has not"):
        queries_zeroed(ARCHITECTURES["gpt2"](), frozenset()).__enter__()


def test_a_head_without_queries_attends_to_all_alike_and_is_not_removed():
    model, ids = ARCHITECTURES["llama"](), torch.arange(10, 22)[None]
    model.set_attn_implementation("eager")
    head = frozenset({Unit(0, "head", 1)})
    with queries_zeroed(model, head):
        weights = model(ids, output_attentions=True).attentions[0][0]
        kept = model(ids).logits
    torch.testing.assert_close(weights[1, 5, :6], torch.full((6,), 1 / 6))
    assert not torch.allclose(weights[0, 5, :6], torch.full((6,), 1 / 6))
    with masked(model, head):
        assert not torch.allclose(model(ids).logits, kept)


def test_heads_go_one_by_one_by_their_attention_to_the_name():
    model, asked = ARCHITECTURES["llama"](), rows()
    names = [[1, 2], [3]]
    scores = attention_to_names(model, asked, names)
    assert scores.shape == (2, 4) and bool((scores > 0).all()) and bool((scores < 1).all())
    first = Unit(*divmod(int(scores.argmax()), 4)[:1], "head", int(scores.argmax()) % 4)
    assert iteratively(model, asked, names, 1) == (first,)
    second = attention_to_names(model, asked, names, frozenset({first}))
    second[first.layer, first.index] = -1
    layer, head = divmod(int(second.argmax()), 4)
    assert iteratively(model, asked, names, 2) == (first, Unit(layer, "head", head))
    assert model.config._attn_implementation != "eager"


def test_the_answer_alone_makes_the_loss():
    asked = Rows(torch.arange(8)[None], torch.tensor([6]), torch.tensor([4]))
    logits = torch.zeros(1, 8, 10)
    assert asked.losses(logits)[0] == pytest.approx(2 * np.log(10), rel=1e-5)  # tokens 4 and 5: two, no padding


def test_variants_are_read_and_single_weights_refused_in_a_repair():
    assert parsed("unit=head, heads=3, q=0.2").heads == 3
    publishable("unit=both, score=snip")
    with pytest.raises(UserError, match="not single weights"):
        publishable("unit=weight")
    for wrong in ("unit=tail", "q=much", "colour=red"):
        with pytest.raises(UserError, match="mend --variant"):
            parsed(wrong)


def test_the_share_of_items_that_must_agree_is_a_dial_above_none_and_up_to_all():
    assert (parsed("").agree, parsed("agree=0.5").agree, parsed("agree=1").agree) == (1.0, 0.5, 1.0)
    for wrong in ("0", "1.01", "-0.5", "nan", "half"):
        with pytest.raises(UserError, match=r"^agree .*mend --variant$"):
            publishable(f"agree={wrong}")


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("task")
    loaded = planted.loaded(planted.planted_model())
    data = gather(("gender",), (), None, planted.write_text(folder / "text.txt"), loaded.tokenizer, planted.SIZES)
    return lambda name: task_of(loaded, data, Run(folder / name, {}, resume=False))


VARIANTS = ("q=0.3, agree=0.3", "score=snip, q=0.3, agree=0.3", "against=text, agree=0.5")


@pytest.mark.parametrize("variant", wide_but(VARIANTS, VARIANTS[0]))
def test_neurons_of_the_set_difference_are_removed(task, variant):
    made = breaking_down_bias(task(variant[:6]), replace(planted.PLAN, variant=variant, alternatives=False))
    assert made.repair.pruning and {unit.kind for unit in made.repair.pruning} == {"neuron"}
    assert made.strength is None and not made.repair.patch
    assert METHODS["breaking_down_bias"].run is breaking_down_bias


def test_the_head_that_carries_the_term_is_among_the_first_to_go(task):
    made = breaking_down_bias(task("heads"), replace(planted.PLAN, variant="unit=head, heads=3", alternatives=False))
    assert len(made.repair.pruning) == 3


def test_single_weights_are_chosen_and_measured_but_not_recorded(task):
    asked = task("weights")
    made = breaking_down_bias(asked, replace(planted.PLAN, variant="unit=weight, agree=0.2", alternatives=False))
    assert made.repair.zeros and not made.repair.pruning and 0 < made.trace["share"] < 0.15
    base, after = divergences(asked.model, asked.sample_batches, [Repair(), made.repair])
    assert not np.array_equal(base, after)
    again = divergences(asked.model, asked.sample_batches, [Repair()])[0]
    assert np.array_equal(base, again)
