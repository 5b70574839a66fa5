"""A model larger than its budget: peak memory and time of a sweep, edits and saving, layers read from their files."""

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from common import SHAPES, llama, options, seconds, tell
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from fairhub.compute.likelihood import read_endings
from fairhub.compute.tally import Tally, tallied
from fairhub.cost.hardware import shape_of
from fairhub.edit.healing import repair_
from fairhub.methods.erasure import Erasure, Item, Reads, Seen, erase, sweep
from fairhub.model import loading
from fairhub.model.architecture import sites
from fairhub.model.loading import laid_out, located, tokenizer_of
from fairhub.model.saving import save
from fairhub.model.streaming.layers import streamed_of
from fairhub.model.streaming.placing import Residence
from fairhub.run.allocation import give_back
from fairhub.run.folder import Run

ROOM = 64 << 20
"""Bytes that forwards may hold while they wait."""


def made(shape: str, folder: Path) -> None:
    """Write a Llama of a shape with random weights in bfloat16, a layer a file."""
    config = llama(shape, dtype="bfloat16", architectures=["LlamaForCausalLM"], max_position_embeddings=2048)
    config.save_pretrained(folder)
    tokenizer_of(*located(None)).save_pretrained(folder)
    files: dict[str, dict[str, torch.Tensor]] = {}
    places, total = {}, 0
    for name, part in laid_out(config).named_parameters():
        if config.tie_word_embeddings and name == "lm_head.weight":
            continue
        number = name.split(".")[2] if ".layers." in name else "rest"
        places[name] = f"{number}.safetensors"
        files.setdefault(number, {})[name] = part
    noise = torch.Generator().manual_seed(0)
    for number, parts in files.items():
        drawn = {
            name: torch.ones(part.shape, dtype=torch.bfloat16) if part.dim() == 1
            else (torch.randn(part.shape, generator=noise) * 0.02).bfloat16()
            for name, part in parts.items()
        }  # fmt: skip
        total += sum(tensor.nbytes for tensor in drawn.values())
        save_file(drawn, folder / f"{number}.safetensors", {"format": "pt"})
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


class Stages:
    """What each stage took: seconds, the most memory above what the process had at first, bytes of weights read."""

    def __init__(self, operations: float, bytes_: float) -> None:
        """Take what the machine does in a second; look at memory from now on, fifty times a second."""
        self.rows: list[dict[str, Any]] = []
        self._operations, self._bytes, self._begun, self._most = operations, bytes_, resident(), 0
        threading.Thread(target=self._look, daemon=True).start()

    @contextmanager
    def stage(self, name: str, model: PreTrainedModel | None = None) -> Iterator[None]:
        """Measure what is done inside the `with` block."""
        streamed = streamed_of(model) if model is not None else None
        read = streamed.bytes_read if streamed else 0
        self._most, began = 0, time.perf_counter()
        with tallied(model) if model is not None else nullcontext(Tally()) as tally:
            yield
        seconds, peak = time.perf_counter() - began, max(self._most, resident()) - self._begun
        row = {"stage": name, "seconds": round(seconds, 1), "peak_gb": round(peak / 2**30, 2)}
        if model is not None and streamed:
            read = streamed.bytes_read - read
            computing = 2 * tally.tokens * shape_of(model, 2).layers / self._operations
            row |= {"read_gb": round(read / 2**30, 2), "tokens": round(tally.tokens)}
            row |= {"of_reading_and_products": round(seconds / (read / self._bytes + computing), 2)}
        self.rows.append(row)

    def _look(self) -> None:
        while True:
            self._most = max(self._most, resident())
            time.sleep(0.02)


def measured(folder: Path, texts: int) -> list[dict[str, Any]]:
    """Return what every stage of a small repair took of a model in a folder, with no layer in memory."""
    give_back()
    matrix, file = torch.randn(1024, 1024).bfloat16(), max(folder.glob("*.safetensors"), key=_size)
    products = 2 * 1024**3 / min(seconds(lambda: matrix @ matrix) for _ in range(5))
    reading = _size(file) / min(seconds(lambda: [t.clone() for t in load_file(file).values()]) for _ in range(2))
    stages = Stages(products, reading)
    with stages.stage("load"):
        loaded = loading.load(str(folder), dtype=torch.bfloat16, residence=Residence(0, ROOM))
    model, rng = loaded.model, np.random.default_rng(0)
    ids = [tuple(int(n) for n in rng.integers(10, 4000, 16)) for _ in range(texts)]
    contrast = np.array([1.0, -1.0])
    items = [Item(one, "judged", "gender", str(n % 2), n // 2, (5, 6), contrast) for n, one in enumerate(ids)]
    with stages.stage("next tokens of the texts", model):
        read_endings(model, ids, lambda numbers, log_p: None, tokens=256)
    with TemporaryDirectory(dir=folder) as out:
        run = Run(Path(out) / "run", {}, False)
        places = {(site.layer, site.kind): str(site.layer) for site in sites(model) if site.kind == "head"}
        text = torch.from_numpy(rng.integers(10, 4000, (1, 64)))
        with stages.stage("sweep with gradients", model), run.scratch(0) as scratch:
            seen = sweep(model, items, text, None, scratch)
            parts = run.parts("seen", list(places.values()), lambda: ((places[key], vars(r)) for key, r in seen))
        with stages.stage("edits of all attention outputs"):
            reads = Seen(places, lambda key: Reads.of(parts[places[key]]))
            patch = erase(model, reads, items, Erasure(), rested=run.rested)
        with stages.stage("replacing and saving"):
            repair_(model, frozenset(), patch)
            save(model, loaded.tokenizer, loaded.own, Path(out) / "saved", None)
    return stages.rows


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _size(path: Path) -> int:
    return path.stat().st_size


def _sentence(found: dict[str, Any]) -> str:
    rows = found["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [" | ".join(names), *(" | ".join(str(row.get(name, "")) for name in names) for row in rows)]
    return "\n".join(
        [f"{found['shape']}, {found['weights_gb']:.1f} GB of weights, none of its layers in memory", *lines]
    )


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--texts", type=int, default=24, help="texts of 16 tokens that are read")
    parser.add_argument("--folder", type=Path, help="of the model that was made; without it one is made and removed")
    asked = parser.parse_args()
    if asked.folder is None:
        with TemporaryDirectory() as place:
            made(asked.shape, Path(place))
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--folder", place], check=True)
    else:
        weights = sum(map(_size, asked.folder.glob("*.safetensors"))) / 2**30
        rows_ = measured(asked.folder, asked.texts)
        tell({"shape": asked.shape, "weights_gb": weights, "rows": rows_}, asked.json, _sentence)
