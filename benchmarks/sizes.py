"""Models of six sizes on a laptop and two cards: what stays in memory, how often the rest is read, and how long."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from common import llama, options, tell
from transformers import PreTrainedTokenizerBase

from fairhub.cost.counts import work_of
from fairhub.cost.hardware import CARDS, SHARE, shape_of
from fairhub.cost.memory import needed, widths_of
from fairhub.cost.resting import Resting, resting, spoken
from fairhub.errors import UserError
from fairhub.inputs.data import Data
from fairhub.inputs.sizes import Sizes
from fairhub.methods import METHODS, Plan
from fairhub.model.loading import Loaded, laid_out, located, tokenizer_of
from fairhub.pipeline import task_of
from fairhub.request import Request, data_of
from fairhub.run.folder import Run

METHOD = "two_sided"
NAMES = ("1B", "3B", "8B", "14B", "32B", "70B")


@dataclass(frozen=True)
class Place:
    """A machine: what a run may take of its memory, and how fast it computes."""

    name: str
    memory: int
    """Bytes of the device."""
    host: int | None
    """Bytes beside it; None: the same memory."""
    rate: float
    """Operations a second that are reached."""


def places() -> list[Place]:
    """Return the machines of the table; a laptop's rate is assumed, cards reach what `plan` takes of their sheets."""
    cards = {card.name: card for card in CARDS}
    small, large = cards["l4x1"], cards["a100-large"]
    return [
        Place("16 GB laptop", 12 << 30, None, 0.4e12),
        Place("24 GB card", 22 << 30, 30 << 30, SHARE * small.matmul),
        Place("80 GB card", 76 << 30, 142 << 30, SHARE * large.matmul),
    ]


def forecast(name: str, tokenizer: PreTrainedTokenizerBase, data: Data) -> dict[str, Any]:
    """Return what every machine would do with a model of this shape, in bfloat16."""
    config = llama(name, max_position_embeddings=8192)
    shape = laid_out(config).to(torch.bfloat16)
    with tempfile.TemporaryDirectory() as folder:
        task = task_of(Loaded(shape, tokenizer, name, "local"), data, Run(Path(folder) / "run", {}, False))
        works = work_of(METHOD, task, data, Plan())
    method, of = METHODS[METHOD], shape_of(shape, 2)
    need = needed(of.bytes, widths_of(config), 2, Sizes(), heavy=method.heavy, erases=method.erases)
    found = {}
    for place in places():
        if place.host is not None and need.host > place.host:
            found[place.name] = f"edits need {need.host / 2**30:.0f} GB beside the card"
            continue
        try:
            memory = place.memory if place.host is not None else place.memory - need.host
            stays = resting(shape, torch.bfloat16, name, memory, works)
        except UserError as refused:
            found[place.name] = _refused(str(refused), need.host)
            continue
        operations = 2 * sum(w.passes * of.layers + w.logits * of.head for w in works)
        found[place.name] = _said(stays, operations / place.rate)
    return {"model": name, "weights_gb": of.bytes / 2**30} | found


def _said(stays: Resting, computing: float) -> str:
    hours = spoken(max(computing, stays.seconds))
    if stays.stay == stays.layers:
        return f"all {stays.layers} stay, {hours}"
    read = f"{stays.sweeps} reads ({stays.sweeps * stays.bytes / 2**40:.1f} TB)"
    return f"{stays.stay} of {stays.layers} stay, {read}, {hours}"


def _refused(said: str, host: int) -> str:
    least = re.search(r"take ([\d,]+) MB", said)
    assert least is not None, "a refusal says how much is needed"
    needed = int(least[1].replace(",", "")) / 1024 + host / 2**30
    return f"no: two layers, a forward and an edit take {needed:.0f} GB"


def table(found: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    names = [place.name for place in places()]
    lines = ["| model | weights | " + " | ".join(names) + " |", "|---" * (2 + len(names)) + "|"]
    lines += [f"| {r['model']} | {r['weights_gb']:.0f} GB | " + " | ".join(r[n] for n in names) + " |" for r in found]
    return "\n".join(lines)


if __name__ == "__main__":
    asked = options(__doc__).parse_args()
    tokenizer_ = tokenizer_of(*located(None))
    data_ = data_of(Request(METHOD, plan=Plan()), tokenizer_)
    rows = [forecast(name, tokenizer_, data_) for name in NAMES]
    tell({"rows": rows}, asked.json, lambda found: table(found["rows"]))
