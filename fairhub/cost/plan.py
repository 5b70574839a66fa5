"""The forecast: what each method would take, in forward-equivalents, memory and hours, here and on the Hub's cards."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fairhub.cost.counts import COUNTED, work_of
from fairhub.cost.hardware import CARDS, Calculated, Machine, here, shape_of
from fairhub.cost.memory import Need, free, host_free, needed, widths_of
from fairhub.cost.memory import weights_of as counted
from fairhub.cost.resting import Resting, resting
from fairhub.cost.work import Work
from fairhub.inputs.sizes import Sizes
from fairhub.methods import METHODS, Task
from fairhub.model.architecture import sites
from fairhub.model.facts import home
from fairhub.model.loading import (
    DEFAULT,
    Loaded,
    config_of,
    has_tokenizer,
    headers_of,
    laid_out,
    load,
    located,
    refuse_others,
    tokenizer_of,
    weights_of,
)
from fairhub.pipeline import task_of
from fairhub.request import Request, data_of
from fairhub.run.folder import Run

_SHARE = 0.9  # of a device's memory that may be planned for


@dataclass(frozen=True)
class Row:
    """One method on one machine."""

    method: str
    machine: str
    forward_equivalents: float
    seconds: float | None
    """None where it does not fit, or nothing was measured."""
    bytes: int
    """On the device that computes."""
    host_bytes: int
    fits: bool
    dollars: float | None


@dataclass(frozen=True)
class Forecast:
    """All methods on all machines, and what was measured for it."""

    model: str
    parameters: int
    dtype: str
    rows: tuple[Row, ...]
    measured: str
    """What the column of this machine rests on."""
    bound: float | None
    """Seconds that a search was given; forward-equivalents and memory are those without a bound."""
    resting: tuple[tuple[str, Resting], ...] = ()
    """By method, what stays within the budget of memory that was asked about."""
    counted_with: str = ""
    """Whose tokenizer counted, where the model has none."""


def forecast(
    name: str | None, request: Request, device: str, dtype: torch.dtype | None, held: Loaded | None = None,
    memory: int | None = None,
) -> Forecast:  # fmt: skip
    """Forecast every method for a model; loads its weights only where they fit, to measure one forward.

    A folder needs no weights, and no tokenizer: then nothing is measured, and the default's tokenizer counts.

    Args:
        name: Of the model.
        request: What is asked, whatever the method.
        device: Where it would run.
        dtype: Of the weights; None as they are loaded.
        held: The model, where it stands in memory already.
        memory: Bytes that weights and forwards may take; None: no budget.

    Raises:
        UserError: The model is not there, or its architecture is unknown, or no budget can be as small.
    """
    source, revision, shown = located(name)
    bare = _without_weights(source, revision, shown)
    data = data_of(request, bare.tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        task = task_of(bare, data, Run(Path(folder) / "run", {}, False))
        works = {method: work_of(method, task, data, request.plan) for method in COUNTED}
    there = held is not None or _has_weights(source)
    known = counted(source, revision) if there else None
    kind = dtype or (torch.float32 if device == "cpu" else bare.model.dtype)
    parameters = known.parameters if known else bare.model.num_parameters()
    needs = {m: _need(bare, parameters * kind.itemsize, kind, request.sizes, m) for m in COUNTED}
    lightest = min(need.device for need in needs.values())
    rows: list[Row] = []
    mine: Machine | None = None
    if there and lightest < _SHARE * free(device):
        mine = _measured(held or load(name, device=device, dtype=kind), device, task)
        rows += [_row(m, mine, works[m], needs[m], request.plan.seconds) for m in COUNTED]
    else:
        rows += [_unmeasured(m, device, works[m], needs[m]) for m in COUNTED]
    half = {m: _need(bare, parameters * 2, torch.bfloat16, request.sizes, m) for m in COUNTED}
    for card in CARDS:
        machine = Calculated(card, shape_of(bare.model, 2))
        rows += [_row(m, machine, works[m], half[m], request.plan.seconds, card.price) for m in COUNTED]
    said = _measured_here(device, mine, there)
    asked = {m: resting(bare.model, kind, shown, memory, works[m]) for m in COUNTED} if memory is not None else {}
    other = "" if _has_tokenizer(source) else DEFAULT
    bound = request.plan.seconds
    return Forecast(
        shown, parameters, str(kind).removeprefix("torch."), tuple(rows), said, bound, tuple(asked.items()), other
    )


def _measured_here(device: str, mine: Machine | None, there: bool) -> str:
    if mine:
        return f"one forward of probes and one of text on {device}"
    return "nothing: " + ("the model does not fit here" if there else "there are no weights")


def _has_weights(source: str) -> bool:
    return not Path(source).is_dir() or any(Path(source).glob("*.safetensors"))


def _has_tokenizer(source: str) -> bool:
    return not Path(source).is_dir() or has_tokenizer(Path(source))


def _without_weights(source: str, revision: str | None, shown: str) -> Loaded:
    config = config_of(source, revision, shown, alone=True)
    tokenizer = tokenizer_of(*(source, revision, shown) if _has_tokenizer(source) else located(None))
    if Path(source).is_dir() and _has_weights(source):  # of the Hub's models plan reads no weights
        refuse_others(config, headers_of(weights_of(source, revision, shown)))
    model = laid_out(config)
    sites(model)  # refuses layers that are not built as they should be
    return Loaded(model, tokenizer, shown, "local")


def _measured(loaded: Loaded, device: str, task: Task) -> Machine:
    probes, text = (
        max(part, key=lambda batch: batch.tokens).to(home(loaded.model)) for part in (task.sample_batches, task.text)
    )
    return here(loaded.model, probes, text, "this machine", free(device), host_free())


def _need(bare: Loaded, weights: int, dtype: torch.dtype, sizes: Sizes, method: str) -> Need:
    known = METHODS[method]
    widths = widths_of(bare.model.config)
    return needed(weights, widths, dtype.itemsize, sizes, heavy=known.heavy, erases=known.erases)


def _row(
    method: str, machine: Machine, works: Sequence[Work], need: Need, bound: float | None, price: float | None = None
) -> Row:
    fits = need.device <= _SHARE * machine.memory and need.host <= _SHARE * machine.host
    seconds = _seconds(machine, works, bound) if fits else None
    dollars = price * seconds / 3600 if price is not None and seconds is not None else None
    forwards = sum(work.forwards for work in works)
    return Row(method, machine.name, round(forwards, 1), seconds, need.device, need.host, fits, dollars)


def _seconds(machine: Machine, works: Sequence[Work], bound: float | None) -> float:
    search = sum(machine.seconds(work) for work in works if work.bounded)
    rest = sum(machine.seconds(work) for work in works if not work.bounded)
    return rest + (search if bound is None else min(search, bound))


def _unmeasured(method: str, device: str, works: Sequence[Work], need: Need) -> Row:
    fits = need.device <= _SHARE * free(device) and need.host <= _SHARE * host_free()
    forwards = sum(work.forwards for work in works)
    return Row(method, "this machine", round(forwards, 1), None, need.device, need.host, fits, None)


def table(found: Forecast) -> str:
    """Return the forecast as lines: hours by method and machine, then what they rest on."""
    machines = list(dict.fromkeys(row.machine for row in found.rows))
    head = f"{'method':<18}{'forwards':>9}{'memory':>9}  " + "".join(f"{name:>14}" for name in machines)
    lines = [f"{found.model}: {found.parameters / 1e6:,.0f} million parameters", head, "-" * len(head)]
    for method in COUNTED:
        rows = [row for row in found.rows if row.method == method]
        first = rows[0]
        lines.append(
            f"{method:<18}{first.forward_equivalents:>9,.0f}{first.bytes / 2**30:>6.1f} GB  "
            + "".join(f"{_hours(row):>14}" for row in rows)
        )
    bound = [] if found.bound is None else [
        f"Times are those of searches that end after {found.bound:g} s, forwards those of searches that are not ended."
    ]  # fmt: skip
    notes = (
        f"A forward-equivalent is 3,072 tokens through every layer. Measured here: {found.measured}.",
        "Columns of the Hub's cards are calculated from their data sheets at 40 % of their product rate; none was run.",
    )
    counted = [f"Tokens were counted with the tokenizer of {found.counted_with}."] if found.counted_with else []
    stays = [f"{method}: {said}" for method, said in found.resting]
    return "\n".join([*lines, *(["", *stays] if stays else []), "", *bound, *counted, *notes])


def _hours(row: Row) -> str:
    if not row.fits:
        return "does not fit"
    if row.seconds is None:
        return "not measured"
    time = f"{row.seconds / 3600:.1f} h" if row.seconds >= 3600 else f"{row.seconds / 60:.1f} min"
    return time if row.dollars is None else f"{time} ${row.dollars:.2f}"


def as_json(found: Forecast) -> dict[str, Any]:
    """Return the forecast as one JSON document."""
    return {
        "model": found.model, "parameters": found.parameters, "dtype": found.dtype, "measured": found.measured,
        "seconds": found.bound, "counted_with": found.counted_with or None,
        "resting": [{"method": method} | vars(said) for method, said in found.resting],
        "plan": [vars(row) for row in found.rows],
    }  # fmt: skip
