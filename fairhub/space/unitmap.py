"""The unit map: every head and the most telling neurons as switches, and what switching them off does, at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from fairhub.compute.engine import Engine
from fairhub.compute.greedy import continuations
from fairhub.edit.masking import masked
from fairhub.errors import UserError
from fairhub.inputs.batches import Batch, batches_for
from fairhub.inputs.probes import CONTROL, Probe, stratified, templates
from fairhub.measure.scores import first_order
from fairhub.model.loading import Loaded
from fairhub.model.units import Pruning, Unit
from fairhub.report.wording import percent
from fairhub.space.markup import esc, facts
from fairhub.space.reading import side_by_side

_PAIRS, _NEURONS, _TOKENS, _MOST = 8, 24, 20, 4096
_NAME = re.compile(r"(head|neuron):(\d{1,4}):(\d{1,6})")


@dataclass(frozen=True, eq=False)
class Survey:
    """A model's switches, and what each is thought to carry."""

    heads: dict[Unit, float]
    """First-order relative change of the divergence if the head went."""
    neurons: dict[Unit, float]
    """The same of the neurons that carry most, and of those that a run removed."""


@dataclass(frozen=True)
class Effect:
    """What switching units off does, for real."""

    before: float
    """Mean divergence over the pairs, nats."""
    after: float
    pair: tuple[str, str]
    said: tuple[str, str]
    """How the two texts of a pair go on without the units."""


@cache
def pairs() -> tuple[Probe, ...]:
    """Return the few pairs that the map is measured on: held-out templates, an axis each."""
    people = (p for p in templates() if p.axis != CONTROL and p.split == "held_out")
    return tuple(stratified(people, _PAIRS))


def survey(loaded: Loaded, removed: Pruning) -> Survey:
    """Score every unit once, first-order, on the few pairs."""
    batches = _batches(loaded)
    scores = first_order(loaded.model, batches, pairs())
    share = scores.effect.mean(0) / max(float(scores.base.mean()), 1e-12)
    of = dict(zip(scores.units, share.tolist(), strict=True))
    heads = {unit: value for unit, value in of.items() if unit.kind == "head"}
    neurons = [unit for unit in scores.units if unit.kind == "neuron"]
    top = sorted(neurons, key=lambda unit: of[unit])[:_NEURONS]
    return Survey(heads, {unit: of[unit] for unit in sorted({*top, *(u for u in removed if u.kind == "neuron")})})


def effect(loaded: Loaded, off: Pruning, pair: tuple[str, str]) -> Effect:
    """Measure the model with these units switched off, on the few pairs, and let it go on with both texts."""
    engine = Engine(loaded.model, _batches(loaded), cache_bytes=0)
    before, after = engine.values([frozenset(), off]).mean(1).tolist()
    with masked(loaded.model, off):
        first, second = continuations(loaded.model, loaded.tokenizer, pair, _TOKENS)
    return Effect(before, after, pair, (first, second))


def _batches(loaded: Loaded) -> list[Batch]:
    return batches_for(loaded.model, loaded.tokenizer, pairs())


def named(told: object) -> Pruning:
    """Return the units that a page says are off, as ["head:3:1", ...]; whether the model has them, `masked` says.

    Raises:
        UserError: It is something else.
    """
    names = told if isinstance(told, list) and len(told) <= _MOST else [None]
    found = [_NAME.fullmatch(name) if isinstance(name, str) else None for name in names]
    if not all(found):
        raise UserError("a map names heads and neurons; this is something else; draw the map again")
    return frozenset(Unit(int(m[2]), "head" if m[1] == "head" else "neuron", int(m[3])) for m in found if m)


def name_of(unit: Unit) -> str:
    """Return what a switch of the map is called in the page."""
    return f"{unit.kind}:{unit.layer}:{unit.index}"


def drawn(found: Survey, off: Pruning) -> str:
    """Return the map as HTML: a grid of heads by layer, then the neurons; one stop of the Tab key, arrows inside."""
    top = max((abs(value) for value in [*found.heads.values(), *found.neurons.values()]), default=1.0) or 1.0
    numbers = "".join(f"<span>{layer}</span>" for layer in sorted({unit.layer for unit in found.heads}))
    rows = f'<div class="fh-row fh-layers" aria-hidden="true"><span></span>{numbers}</div>' + "".join(
        f'<div class="fh-row"><span aria-hidden="true">{head}</span>'
        + "".join(_switch(unit, value, top, unit in off) for unit, value in found.heads.items() if unit.index == head)
        + "</div>"
        for head in sorted({unit.index for unit in found.heads})
    )
    neurons = "".join(_switch(unit, value, top, unit in off) for unit, value in found.neurons.items())
    return (
        f'<div class="fh-map"><h2>Attention heads: a column a layer, from the input on the left</h2>'
        f'<div class="fh-grid" role="group" '
        f'aria-label="Attention heads; arrow keys move, Enter switches">{rows}</div>'
        f'<h2>Neurons that carry most</h2><div class="fh-grid fh-line" role="group" '
        f'aria-label="Neurons; arrow keys move, Enter switches">{neurons}</div></div>'
    )


def _switch(unit: Unit, value: float, top: float, off: bool) -> str:
    strength = min(1.0, abs(value) / top) ** 0.5
    kind = "carries" if value < 0 else "dampens"
    words = f"{unit}: alone, its removal is thought to change the difference by {percent(value)}"
    text = "" if unit.kind == "head" else f"{unit.layer}·{unit.index}"
    return (
        f'<button type="button" class="fh-unit {kind}" style="--s:{strength:.2f}" data-unit="{name_of(unit)}" '
        f'aria-pressed="{"true" if off else "false"}" aria-label="{esc(words)}" title="{esc(words)}" '
        f'tabindex="-1">{text}</button>'
    )


def effect_shown(found: Effect, off: Iterable[Unit]) -> str:
    """Return what switching off did, as HTML."""
    off = sorted(off)
    share = found.after / found.before - 1 if found.before else 0.0
    names = ", ".join(map(str, off[:6])) + (" …" if len(off) > 6 else "")
    cards = facts([
        ("Unequal treatment", percent(share) if off else "0 %",
         f"{found.before:.4f} nats before, {found.after:.4f} now, over {len(pairs())} pairs it was never shown."),
        ("Switched off", str(len(off)) if off else "none", names or "This is the model as it is."),
    ])  # fmt: skip
    return f'<div role="status">{cards}</div>{side_by_side(found.pair, found.said)}'


JS = """
const units = () => [...element.querySelectorAll('.fh-unit')];
const ready = () => element.querySelectorAll('.fh-grid').forEach(grid => {
  const all = [...grid.querySelectorAll('.fh-unit')];
  if (all.length && !all.some(unit => unit.tabIndex === 0)) all[0].tabIndex = 0;
});
ready();
watch('value', ready);
element.addEventListener('click', event => {
  const unit = event.target.closest('.fh-unit');
  if (!unit) return;
  unit.setAttribute('aria-pressed', unit.getAttribute('aria-pressed') !== 'true');
  const off = units().filter(one => one.getAttribute('aria-pressed') === 'true').map(one => one.dataset.unit);
  trigger('click', {off});
});
element.addEventListener('keydown', event => {
  const unit = event.target.closest('.fh-unit');
  const way = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}[event.key];
  if (!unit || !way) return;
  event.preventDefault();
  const grid = unit.closest('.fh-grid');
  const rows = [...grid.querySelectorAll('.fh-row')];
  const row = unit.closest('.fh-row');
  const line = row ? [...row.querySelectorAll('.fh-unit')] : [...grid.querySelectorAll('.fh-unit')];
  let next = line[line.indexOf(unit) + way[0] + (row ? 0 : way[1])];
  if (row && way[1]) {
    const other = rows[rows.indexOf(row) + way[1]];
    next = other && [...other.querySelectorAll('.fh-unit')][line.indexOf(unit)];
  }
  if (!next) return;
  grid.querySelectorAll('.fh-unit').forEach(one => { one.tabIndex = -1; });
  next.tabIndex = 0;
  next.focus();
});
"""
"""Makes the map work by mouse and by keyboard; a click tells which switches are off, and nothing else."""
