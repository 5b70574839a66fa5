"""A model's tokenizer, built of its own tokenizer.json alone, or of vocab.json and merges.txt; nothing else is read."""

from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from fairhub.errors import UserError, plain
from fairhub.files.reading import one_line, parsed
from fairhub.model.loading.config import refuse_fields
from fairhub.model.loading.files import content_of, json_of

_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_LISTS = ("additional_special_tokens", "extra_special_tokens")
_FLAGS = ("clean_up_tokenization_spaces", "add_bos_token", "add_eos_token", "split_special_tokens")
_SIDES = ("padding_side", "truncation_side")
_TEXTS = (*_SPECIAL, *_LISTS, "chat_template", "content", "template")
_TOKEN = {"content", "lstrip", "rstrip", "single_word", "normalized", "special"}
_LONGEST = 1000  # letters of a special token
_TEMPLATE = 200_000  # letters of a chat template; the longest in use have about 20,000
_TRIED = "The man, 42: ☃ 漢字"  # with what it has never met: some have no token for that, and stop there
_MOST_SPECIAL = 100_000


def tokenizer_of(source: str, revision: str | None, shown: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model; the arguments are those that `located` returns.

    `tokenizer_class` is not asked: in transformers it can choose a class that reads any file for its vocabulary. What
    tokenizer.json says is all there is, but for the special tokens, the chat template, sides and the longest text.

    Raises:
        UserError: There is none that can be loaded safely.
    """
    name = plain(shown)
    with one_line(lambda said: f"a tokenizer must be readable; that of {name} is not ({said}); save it anew"):
        told = _fields(source, revision)
        backend = _backend(source, revision, told)
        if backend is None:
            raise UserError(
                f"a tokenizer is tokenizer.json, or vocab.json and merges.txt; {name} has neither; "
                "save it with AutoTokenizer.from_pretrained(...).save_pretrained(...)"
            )
        backend.no_truncation()  # texts are measured whole, and batches padded here
        backend.no_padding()
        fields = _checked(told, backend, json_of(source, revision, "config.json") or {})
        found: PreTrainedTokenizerBase = PreTrainedTokenizerFast(tokenizer_object=backend, **fields)
        found.name_or_path = shown
        if not found(_TRIED, add_special_tokens=False)["input_ids"]:
            raise UserError(f"a tokenizer turns text into tokens; that of {name} makes none; save it anew")
    return found


def _fields(source: str, revision: str | None) -> dict[str, Any]:
    """Return what the files beside tokenizer.json say, each refused where it names other files or code."""
    fields: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        found = json_of(source, revision, name) or {}
        refuse_fields(found, name, _TEXTS)
        fields |= found
    template = content_of(source, revision, "chat_template.jinja")
    return fields if template is None else fields | {"chat_template": template}


def _backend(source: str, revision: str | None, told: Mapping[str, Any]) -> Tokenizer | None:
    text = content_of(source, revision, "tokenizer.json")
    if text is None:
        return _from_vocabulary(source, revision, told)
    if not isinstance(parsed(text, "tokenizer.json"), dict):
        raise UserError("tokenizer.json must be a JSON object; it is none; save the tokenizer anew")
    return Tokenizer.from_str(text)


def _from_vocabulary(source: str, revision: str | None, told: Mapping[str, Any]) -> Tokenizer | None:
    """Convert GPT-2's older format, byte-level byte pairs: what models of its kind without tokenizer.json have."""
    vocabulary, merges = json_of(source, revision, "vocab.json"), content_of(source, revision, "merges.txt")
    if vocabulary is None or merges is None:
        return None
    lines = [line for line in merges.split("\n") if line.strip() and not line.startswith("#version")]
    pairs = [(first, second) for first, second in (line.split(" ") for line in lines)]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=told.get("add_prefix_space") is True)
    tokenizer.decoder = decoders.ByteLevel()
    added = json_of(source, revision, "added_tokens.json") or {}
    tokenizer.add_special_tokens(sorted(added, key=lambda token: int(added[token])))
    return tokenizer


def _checked(told: Mapping[str, Any], backend: Tokenizer, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are taken, each of its kind; where no special token is named the model's ids name them."""
    fields: dict[str, Any] = {key: _token(key, told[key]) for key in _SPECIAL if told.get(key) is not None}
    for kind in () if fields else ("bos", "eos"):
        number = config.get(f"{kind}_token_id")
        token = backend.id_to_token(number) if isinstance(number, int) and 0 <= number < 1 << 31 else None
        fields |= {f"{kind}_token": token} if token is not None else {}
    for key in _LISTS:
        values = told.get(key)
        values = list(values.values()) if isinstance(values, dict) else values
        if values and not isinstance(values, list):
            raise UserError(f"{key} is a list of tokens; tokenizer_config.json has {plain(values, 60)!r}; mend it")
        if values:
            fields[key] = [_token(key, value) for value in values[:_MOST_SPECIAL]]
    fields |= {key: told[key] for key in _FLAGS if isinstance(told.get(key), bool)}
    fields |= {key: told[key] for key in _SIDES if told.get(key) in ("left", "right")}
    longest = told.get("model_max_length")
    if isinstance(longest, int | float) and longest >= 1:
        fields["model_max_length"] = int(min(longest, 1e30))
    return fields | _template(told.get("chat_template"))


def _token(key: str, value: Any) -> str | AddedToken:
    given = {"content": value} if isinstance(value, str) else value
    content = given.get("content") if isinstance(given, dict) else None
    if not isinstance(content, str) or not content or len(content) > _LONGEST:
        raise UserError(f"{key} must be a short text; tokenizer_config.json has {plain(value, 60)!r}; mend it")
    if isinstance(value, str):
        return value
    return AddedToken(**{name: flag for name, flag in given.items() if name in _TOKEN})


def _template(value: Any) -> dict[str, str]:
    """Return the chat template: of several, the default one."""
    if isinstance(value, list):
        named = {str(one.get("name")): one.get("template") for one in value if isinstance(one, dict)}
        value = named.get("default")
    if value is None:
        return {}
    if not isinstance(value, str) or len(value) > _TEMPLATE:
        raise UserError(f"a chat template is text of at most {_TEMPLATE:,} letters; this is none; take it out")
    return {"chat_template": value}
