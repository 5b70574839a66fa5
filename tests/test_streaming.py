"""A model whose layers rest in their files says, moves and becomes exactly what the same model in memory does."""

import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import ARCHITECTURES
from torch import nn
from zoo import ZOO

from fairhub.compute.likelihood import read_endings
from fairhub.cost.memory import Need, needed, weights_of, widths_of
from fairhub.cost.room import decided, residence
from fairhub.edit.healing import patched, repair_
from fairhub.edit.masking import masked
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.batches import text_batches
from fairhub.inputs.sizes import Sizes
from fairhub.measure.utility import utility
from fairhub.methods.erasure.items import Item
from fairhub.methods.erasure.sweep import sweep
from fairhub.model import loading
from fairhub.model.architecture import sites, units
from fairhub.model.loading import config_of
from fairhub.model.saving import save
from fairhub.model.streaming.layers import streamed_of, tensors_of, weight_of
from fairhub.model.streaming.placing import Residence
from fairhub.model.streaming.steps import hook_before, in_step
from fairhub.model.streaming.tasks import Crew, Task, current

EVERY = {**ARCHITECTURES, **ZOO}
QUICK = ("llama", "gpt2", "phi3", "mixtral")
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.wide) for name in EVERY]
STAYS = Residence(0, 1 << 20)
TEXTS = [tuple(range(3, 3 + length)) for length in (4, 5, 7)] + [(3, 4, 9, 8), (3, 4, 9, 8, 11)]


@pytest.fixture
def folder(request, tmp_path, tokenizer):
    model = EVERY[request.param]()
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def both(folder):
    return loading.load(str(folder)), loading.load(str(folder), residence=STAYS)


each_architecture = pytest.mark.parametrize("folder", NAMES, indirect=True)
one_architecture = pytest.mark.parametrize("folder", ["llama"], indirect=True)


def after(model) -> torch.Tensor:
    found = {}
    read_endings(model, TEXTS, lambda numbers, log_p: found.update(zip(numbers, log_p.clone(), strict=True)), tokens=8)
    return torch.stack([found[number] for number in range(len(TEXTS))])


def a_repair(model) -> Repair:
    """Every second head goes, and one output projection is other weights."""
    heads = frozenset(unit for unit in units(model) if unit.kind == "head" and unit.index % 2)
    site = sites(model)[0]
    noise = torch.randn(site.weight.shape, generator=torch.Generator().manual_seed(0))
    return Repair(heads, {(site.layer, site.kind): site.weight.float() + 0.1 * noise})


def an_item(ids: tuple[int, ...], kind: str) -> Item:
    return Item(ids, kind, "gender", "women", 0, (5, 6), np.array([1.0, -1.0]))


def needed_of(folder) -> Need:
    config = config_of(str(folder), None, "")
    return needed(weights_of(str(folder)).as_dtype(torch.float32), widths_of(config), 4, Sizes(), heavy=True)


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=1e-5, atol=1e-5))


@each_architecture
def test_it_says_and_is_the_same(both) -> None:
    whole, streamed = both
    assert any(p.device.type == "meta" for p in streamed.model.parameters())  # positive control
    assert whole.sha256() == streamed.sha256()
    assert close(after(whole.model), after(streamed.model))


@each_architecture
def test_a_repair_of_it_is_the_same_and_goes_again(both) -> None:
    whole, streamed = both
    made = a_repair(whole.model)
    before = after(streamed.model)
    texts = text_batches(torch.arange(3, 51).view(3, 16), rows=1, device="cpu")
    found = [utility(loaded.model, texts, [made, Repair()]) for loaded in both]
    assert abs(found[0].loss[1] - found[0].loss[0]).max() > 1e-4  # positive control
    assert torch.allclose(*(torch.tensor(one.loss) for one in found), rtol=1e-5)
    assert torch.allclose(*(torch.tensor(one.kl) for one in found), rtol=1e-4, atol=1e-6)
    assert torch.equal(before, after(streamed.model))
    assert whole.sha256() == streamed.sha256()


@each_architecture
def test_what_a_sweep_sees_is_the_same(both) -> None:
    items = [an_item(ids, "judged") for ids in TEXTS]
    items.append(an_item((3, 4, 5, 6), "meaning"))
    text = torch.arange(3, 35).view(2, 16)
    found = [dict(sweep(loaded.model, items, text)) for loaded in both]
    assert found[0].keys() == found[1].keys()
    for key, reads in found[0].items():
        for name, values in vars(reads).items():
            size = np.max(np.abs(values))
            assert np.max(np.abs(values - getattr(found[1][key], name))) <= 1e-5 * size + 1e-7, name


@each_architecture
def test_it_is_saved_repaired_as_the_other_is(both, tmp_path) -> None:
    made = a_repair(both[0].model)
    for loaded, name in zip(both, ("whole", "streamed"), strict=True):
        repair_(loaded.model, made.pruning, made.patch)
        save(loaded.model, loaded.tokenizer, loaded.own, tmp_path / name, loaded.stored)
    saved = [
        {name: t for file in (tmp_path / name).glob("*.safetensors") for name, t in load_file(file).items()}
        for name in ("whole", "streamed")
    ]
    assert saved[0].keys() == saved[1].keys()
    assert all(torch.equal(tensor, saved[1][name]) for name, tensor in saved[0].items())
    assert close(after(both[1].model), after(loading.load(str(tmp_path / "streamed")).model))


@one_architecture
def test_weights_are_read_once_for_all_forwards_in_step(both) -> None:
    model = both[1].model
    streamed = streamed_of(model)
    after(model)  # the first layer is there now, or is being read
    layers = sum(t.nbytes for name, t in tensors_of(model) if name in streamed.places)
    begin = streamed.bytes_read
    after(model)
    assert 0 < streamed.bytes_read - begin <= layers + streamed.largest  # the one that comes next is read ahead
    assert streamed.sweeps >= 2


@pytest.mark.parametrize("stay", [1, 2])
@one_architecture
def test_layers_may_stay(folder, stay: int) -> None:
    whole, part = loading.load(str(folder)), loading.load(str(folder), residence=Residence(stay, 1 << 20))
    streamed = streamed_of(part.model)
    assert not any(".0." in name for name in streamed.places) and (stay == 2 or streamed.places)
    made = a_repair(whole.model)
    for loaded in (whole, part):
        repair_(loaded.model, made.pruning, made.patch)
    assert close(after(whole.model), after(part.model))


@one_architecture
def test_repairs_side_by_side_do_not_meet(both) -> None:
    whole, streamed = (loaded.model for loaded in both)
    made = a_repair(whole)

    def repaired(repair: Repair, model) -> torch.Tensor:
        with patched(model, repair.patch), masked(model, repair.pruning):
            return after(model)

    alone = [repaired(repair, whole) for repair in (made, Repair(), made)]
    beside = in_step(streamed)(lambda repair: repaired(repair, streamed), [made, Repair(), made])
    assert not close(alone[0], alone[1])  # positive control
    assert all(close(one, other) for one, other in zip(alone, beside, strict=True))


@one_architecture
def test_a_failure_ends_all_and_the_next_run_is_whole(both) -> None:
    model = both[1].model
    expected = after(model)

    def fail(number: int) -> None:
        after(model)
        if number == 1:
            raise UserError("this one")

    with pytest.raises(UserError, match="this one"):
        in_step(model)(fail, range(4))
    left = [thread for thread in threading.enumerate() if isinstance(thread, Task)]
    for thread in left:
        thread.join(10)
    assert not any(thread.is_alive() for thread in left)
    assert torch.equal(after(model), expected)


@one_architecture
def test_an_interruption_ends_all(both) -> None:
    model = both[1].model

    def stop(number: int) -> None:
        if number == 1:
            raise KeyboardInterrupt
        after(model)

    with pytest.raises(KeyboardInterrupt):
        in_step(model)(stop, range(3))
    assert after(model).isfinite().all()


@one_architecture
def test_a_file_that_is_gone_or_other_is_named(folder) -> None:
    loaded = loading.load(str(folder), residence=STAYS)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = next(name for name in streamed_of(loaded.model).places if name.endswith("o_proj.weight"))
    save_file({key: t for key, t in tensors.items() if key != name}, file)
    with pytest.raises(UserError, match="o_proj.*model.safetensors"):
        loaded.sha256()
    save_file(tensors | {name: torch.full_like(tensors[name], torch.nan)}, file)
    with pytest.raises(UserError, match="finite"):
        loading.load(str(folder), residence=STAYS)


@one_architecture
def test_a_budget_says_what_stays_and_what_is_needed(folder) -> None:
    whole, said = residence(str(folder), "cpu", None, 1 << 40)
    assert whole is None and "all" in said
    with pytest.raises(UserError, match="--memory"):
        residence(str(folder), "cpu", None, 1000)


@one_architecture
def test_layers_rest_in_files_where_a_model_does_not_fit_and_what_is_held_beside_it_does(folder, monkeypatch) -> None:
    asked = str(folder), "cpu", None, "robust", Sizes()
    need = needed_of(folder)
    assert decided(*asked, None)[0] is None  # it fits
    monkeypatch.setattr("fairhub.cost.room.free", lambda device: need.device + need.host - 1)
    assert decided(*asked, None)[0] is not None
    monkeypatch.setattr("fairhub.cost.room.free", lambda device: need.host + 1)
    with pytest.raises(UserError, match="must fit in memory"):
        decided(*asked, None)


def test_tasks_go_through_layers_together() -> None:
    crew, seen = Crew(100), []

    def forward(name: str) -> str:
        for layer in range(3):
            crew.arrive(layer)
            seen.append((layer, name))
        return name * 2

    assert crew.each(forward, "abc", held=1) == ["aa", "bb", "cc"]
    assert seen == [(layer, name) for layer in range(3) for name in "abc"]


def test_no_more_are_under_way_than_there_is_room_for() -> None:
    crew, under_way, most = Crew(2), set(), []

    def forward(number: int) -> None:
        under_way.add(number)
        for layer in range(2):
            crew.arrive(layer)
            most.append(len(under_way))
        under_way.remove(number)

    crew.each(forward, range(5), held=1)
    assert max(most) == 2
    small = Crew(0)
    small.each(lambda number: small.arrive(0), range(3), held=1)  # one always may


def test_parts_of_a_task_go_in_step_with_those_of_others() -> None:
    crew, seen = Crew(100), []

    def forward(name: str) -> str:
        for layer in range(2):
            crew.arrive(layer)
            seen.append(layer)
        return name

    whole = crew.each(lambda letter: "".join(crew.each(forward, [letter, letter.upper()])), "ab")
    assert whole == ["aA", "bB"] and seen == [0] * 4 + [1] * 4


def test_hooks_are_seen_by_who_registered_them_and_by_parts_of_that() -> None:
    crew, module, seen = Crew(100), nn.Identity(), []

    def piece(name: str) -> None:
        hook_before(module, lambda *_: seen.append((name, current() is not None)))
        crew.arrive(0)
        crew.each(lambda _: module(torch.zeros(1)), [0])

    crew.each(piece, "ab")
    assert sorted(seen) == [("a", True), ("b", True)]
    module(torch.zeros(1))
    assert len(seen) == 2


def test_a_module_in_memory_is_read_where_it_is() -> None:
    module = nn.Linear(2, 2)
    assert weight_of(module) is module.weight
