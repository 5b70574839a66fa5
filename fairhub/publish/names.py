"""Names of files in a published repository: which are ours, which loaders of models read, and which are refused."""

import re
from collections.abc import Iterable

from fairhub.errors import UserError, plain
from fairhub.model.loading.files import PROCESSOR

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
"""How names of files end that may be pickles."""
MODEL = frozenset({
    "config.json", "generation_config.json", INDEX, "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", *PROCESSOR,
})  # fmt: skip
"""What transformers saves beside the weights."""
RECORDS = frozenset({"fairhub/report.json", "fairhub/recipe.json", "fairhub/items.npz"})
_PAGE = frozenset({"README.md", "reproduce.py"})
_SHARD = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
_WHEEL = re.compile(r"fairhub/fairhub-[0-9a-z.+_]{1,60}-py3-none-any\.whl")
_RESULTS = re.compile(r"\.eval_results/[a-z0-9_]{1,60}\.yaml")
_PICTURES = re.compile(r"figures/[a-z_]{1,60}\.png")
_READ = re.compile(
    r".*\.safetensors|adapter_.*|.*\.model|.*\.tiktoken|tokenizer.*\.json|chat_template\..*|(vocab|merges)\..*|"
    r"((pre|image_|video_)?processor|preprocessor)_config\.json|.*\.index\.json"
)


def is_weights(name: str) -> bool:
    """Whether a file holds tensors of the model, as fairhub publishes them."""
    return _SHARD.fullmatch(name) is not None


def is_model(name: str) -> bool:
    """Whether a file of a model's folder is published: its weights, its settings and its tokenizer."""
    return name in MODEL or is_weights(name)


def is_ours(name: str) -> bool:
    """Whether fairhub writes a file of that path into a repository."""
    patterns = (_WHEEL, _RESULTS, _PICTURES)
    return is_model(name) or name in RECORDS | _PAGE or any(pattern.fullmatch(name) for pattern in patterns)


def refuse_names(names: Iterable[str], where: str) -> None:
    """Refuse files beside a published model that loaders read and that no run of fairhub has; folders are let be.

    Raises:
        UserError: One is a pickle, which may run code when it is read, or another model's, adapter's or tokenizer's.
    """
    beside = sorted(name for name in names if "/" not in name and not is_model(name))
    if pickled := [name for name in beside if name.lower().endswith(PICKLED)]:
        raise UserError(
            f"weights must be safetensors; {plain(where)} has {plain(pickled[0])}, which may run code; it must go first"
        )
    if strange := [name for name in beside if _READ.fullmatch(name)]:
        raise UserError(
            f"a published model is alone; {plain(where)} has {plain(strange[0])} too, which loaders read; remove it"
        )
