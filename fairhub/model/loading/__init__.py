"""A model and its tokenizer from a Hub id, a folder or the embedded default; never pickles, code or other files."""

from fairhub.model.loading.config import DTYPES, config_of, has_tokenizer
from fairhub.model.loading.files import commit_of, weights_of
from fairhub.model.loading.memory import IN_MEMORY, in_memory, lent
from fairhub.model.loading.model import Loaded, load
from fairhub.model.loading.places import DEFAULT, EMBEDDED, cache, embedded_default, located
from fairhub.model.loading.tokenizer import tokenizer_of
from fairhub.model.loading.weights import headers_of, laid_out, refuse_others

__all__ = [
    "DEFAULT", "DTYPES", "EMBEDDED", "IN_MEMORY", "Loaded", "cache", "commit_of", "config_of", "embedded_default",
    "has_tokenizer", "headers_of", "in_memory", "laid_out", "lent", "load", "located", "refuse_others", "tokenizer_of",
    "weights_of",
]  # fmt: skip
