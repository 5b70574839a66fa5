"""The front matter of a README: read, checked as the Hub does before a commit, and turned into tags."""

import json
import re
from typing import Any

import yaml

BLOCK = re.compile(r"\s*---\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", re.S)
TEXTS = ("license", "library_name", "pipeline_tag", "base_model_relation", "new_version")
LISTS = ("tags", "datasets", "metrics", "language", "base_model")


def metadata(text: str) -> Any:
    """The front matter as JSON holds it (dates become text); None where there is none."""
    block = BLOCK.match(text)
    if block and any(mark in block[1] for mark in ("&", "!!", "[" * 100)):  # written out they would fill this machine
        return None
    return json.loads(json.dumps(yaml.safe_load(block[1]), default=str)) if block else None


def problems(text: str) -> tuple[list[str], list[str]]:
    """What is wrong, and what is merely missing."""
    try:
        found = metadata(text)
    except yaml.YAMLError as error:
        return [f"Invalid YAML: {error}"], []
    if not found:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(found, dict):
        return ["The metadata must be an object"], []
    wrong = [f'"{key}" must be a string' for key in TEXTS if not isinstance(found.get(key, ""), str)]
    wrong += [f'"{key}" must be a string or a list of strings' for key in LISTS if not listed(found.get(key, []))]
    return wrong + index_problems(found.get("model-index", [])), []


def listed(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def index_problems(models: Any) -> list[str]:
    if not isinstance(models, list):
        return ['"model-index" must be an array']
    wrong = []
    for at, model in enumerate(models):
        wrong += missing(model, f"model-index[{at}]", "name", "results")
        for n, result in enumerate(model.get("results") or []):
            where = f"model-index[{at}].results[{n}]"
            wrong += missing(result, where, "task.type", "dataset.type", "dataset.name", "metrics")
            for m, metric in enumerate(result.get("metrics") or []):
                wrong += missing(metric, f"{where}.metrics[{m}]", "type", "value")
    return wrong


def missing(value: Any, where: str, *paths: str) -> list[str]:
    return [f'"{where}.{path}" is required' for path in paths if reach(value, path) is None]


def reach(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def tags(card: dict[str, Any]) -> list[str]:
    """What the Hub makes searchable of a card."""
    found = [card["library_name"]] if "library_name" in card else []
    found += [*many(card, "tags"), *many(card, "language")]
    found += [f"dataset:{name}" for name in many(card, "datasets")]
    for base in many(card, "base_model"):
        found += [f"base_model:{base}"]
        found += [f"base_model:{card['base_model_relation']}:{base}"] if "base_model_relation" in card else []
    return [*found, *([f"license:{card['license']}"] if "license" in card else []), "region:us"]


def many(card: dict[str, Any], key: str) -> list[str]:
    value = card.get(key) or []
    return [value] if isinstance(value, str) else list(value)
