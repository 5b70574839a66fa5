"""Lies about a run, by name: what changes a good run folder, and what of it then comes out different."""

import json

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from fairhub.model.facts import tensor_hash

ROPE = {"rope_theta": 77.0, "rope_type": "default"}


def told(run, name):
    return json.loads((run / name).read_text())


def tell(run, name, record):
    (run / name).write_text(json.dumps(record))


def different(checks):
    return {check.what for check in checks if check.verdict == "different"}


def weights(change):
    """Change the published tensors, and their hashes in the recipe with them."""

    def lie(run):
        file = run / "model" / "model.safetensors"
        tensors = change(load_file(file))
        save_file(tensors, file, metadata={"format": "pt"})
        hashes = {name: tensor_hash(tensor) for name, tensor in tensors.items()}
        recipe = told(run, "recipe.json")
        tell(run, "recipe.json", recipe | {"weights": {n: hashes[n] for n in recipe["weights"] if n in hashes}})

    return lie


def random_numbers(tensors):
    generator = torch.Generator().manual_seed(0)
    return {n: torch.randn(t.shape, generator=generator).to(t.dtype) * t.std() for n, t in tensors.items()}


def one_projection(tensors):
    """What a healing solves for is random; all else is honest."""
    name = "model.layers.1.self_attn.o_proj.weight"
    return tensors | {name: torch.randn_like(tensors[name])}


def a_little(tensors):
    return tensors | {"model.norm.weight": tensors["model.norm.weight"] + 1e-4}


def model(name, change):
    """Change a JSON file of the published model."""

    def lie(run):
        tell(run / "model", name, change(told(run / "model", name)))

    return lie


def report(change):
    def lie(run):
        record = told(run, "report.json")
        change(record)
        tell(run, "report.json", record)

    return lie


def each(change):
    return report(lambda record: [change(figure) for figure in record["figures"]])


def widen(figure):
    for part in ("after", "change"):
        if figure[part]:
            figure[part].update(low=-1e9, high=1e9)


def shift_a_little(figure):
    if figure["change"]:
        figure["change"]["value"] += 0.1 * (figure["change"]["high"] - figure["change"]["value"])


def merges(tokenizer):
    vocabulary = tokenizer["model"]["vocab"]
    one, other = list(vocabulary)[100:102]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    return tokenizer


def items(run):
    with np.load(run / "items.npz") as stored:
        arrays = dict(stored)
    arrays["held_out"][1, 3] *= 0.5
    np.savez(run / "items.npz", **arrays)


def moved(record):
    record["text"][0]["after"] = "kind " + record["text"][0]["after"]


LIES = {
    "random weights with their hashes": (weights(random_numbers), "published tensors"),
    "a random projection with its hash": (weights(one_projection), "published tensors"),
    "one tensor a little other": (weights(a_little), "published tensors"),
    "a tensor less": (weights(lambda t: {n: v for n, v in t.items() if n != "model.norm.weight"}), None),
    "a tensor more": (weights(lambda t: t | {"more": torch.zeros(1)}), "published tensors"),
    "tensors of another type": (weights(lambda t: {n: v.half() for n, v in t.items()}), "published tensors"),
    "another rope": (model("config.json", lambda c: c | {"rope_parameters": ROPE}),
                     "published config"),
    "another epsilon": (model("config.json", lambda c: c | {"rms_norm_eps": 0.5}), "published config"),
    "an unknown part of a config": (model("config.json", lambda c: c | {"more": 1}), "published config"),
    "other stops": (model("generation_config.json", lambda c: c | {"eos_token_id": 7}), "published generation config"),
    "another vocabulary": (model("tokenizer.json", merges), "published tokenizer"),
    "another chat template": (model("tokenizer_config.json", lambda c: c | {"chat_template": "{{ 1 }}"}),
                              "published tokenizer"),
    "wide intervals": (each(widen), "judgement (held_out, axis all, context all)"),
    "within its interval": (each(shift_a_little), "judgement (held_out, axis all, context all)"),
    "no figures": (report(lambda r: r.update(figures=[])), "perplexity (held_out, axis all, context all)"),
    "a figure less": (report(lambda r: r.update(figures=[f for f in r["figures"] if f["name"] != "merit"])),
                      "merit (held_out, axis all, context all)"),
    "a figure twice": (report(lambda r: r["figures"].extend(r["figures"][-1:])), None),
    "the other direction": (each(lambda f: f.update(better="higher")), "judgement (held_out, axis all, context all)"),
    "fewer items": (each(lambda f: f.update(items=f["items"] + 1)), "judgement (held_out, axis all, context all)"),
    "another verdict": (report(lambda r: r.update(verdict="Repaired: all is well.")), "verdict"),
    "other texts": (report(moved), "continuations, after"),
    "other parameters": (report(lambda r: r["parameters"].update(removed=1)), "parameters"),
    "another item": (items, "items, held_out"),
}  # fmt: skip
"""By name: what tells it, and the check that finds it; None where loading may refuse it first."""
