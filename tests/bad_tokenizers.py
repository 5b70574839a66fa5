"""Cases of tokenizers: files that name other files, classes that read them, vocabularies, templates out of reason."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bad_configs import audit, content, copied, edited, field
from bad_inputs import Case, Place

_CONFIG, _TOKENIZER = "tokenizer_config.json", "tokenizer.json"


def _without(place: Place, *names: str, config: dict | None = None) -> Path:
    """A copy of the model without some files, and another tokenizer_config.json."""
    model = copied(place)
    for name in names:
        (model / name).unlink()
    if config is not None:
        (model / _CONFIG).write_text(json.dumps(config))
    return model


def _reading(place: Place, **config: object) -> Sequence[object]:
    """What reads any file of the machine by the class of the tokenizer."""
    secret = place.folder / "secret.txt"
    secret.write_text("a\nb\n[CLS]\n[MASK]\n[UNK]\n")
    config = {key: str(secret) if value == "SECRET" else value for key, value in config.items()}
    return audit(place, _without(place, _TOKENIZER, config=config))


def _model(place: Place, **parts: object) -> Sequence[object]:
    """tokenizer.json with another model."""
    return audit(place, edited(place, _TOKENIZER, lambda held: held["model"].update(parts)))


def _parts(place: Place, **parts: object) -> Sequence[object]:
    return audit(place, edited(place, _TOKENIZER, lambda held: held.update(parts)))


def _larger(place: Place) -> Sequence[object]:
    def add(held: dict) -> None:
        held["model"]["vocab"] |= {f"more{i}": 100_000 + i for i in range(10)}

    return audit(place, edited(place, _TOKENIZER, add))


def _template(place: Place, template: str) -> Sequence[object]:
    return ["audit", edited(place, _CONFIG, lambda held: held.update(chat_template=template)), "--names", "--context",
            "chess"]  # fmt: skip


def _byte_pairs(place: Place, merges: str | None = "#version: 0.2\nt h\nth e\n", **more: int) -> Sequence[object]:
    """GPT-2's older format: vocab.json and merges.txt."""
    from tokenizers.pre_tokenizers import ByteLevel

    model = _without(place, _TOKENIZER, config={"tokenizer_class": "GPT2Tokenizer", "unk_token": "<|end|>"})
    letters = ["<|end|>", *sorted(ByteLevel.alphabet()), "th", "the"]
    (model / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(letters)} | more))
    if merges is not None:
        (model / "merges.txt").write_text(merges)
    return audit(place, model)


_ENDLESS = "".join("{% for " + name + " in range(99999) %}" for name in "abc") + "{% endfor %}" * 3
CASES = [
    *(Case(f"a tokenizer that reads a file: {name}", partial(_reading, **config), quick=quick)
      for name, config, quick in (
          ("BertTokenizer, vocab", {"tokenizer_class": "BertTokenizer", "vocab": "SECRET"}, True),
          ("vocab without a class", {"vocab": "SECRET"}, False),
          ("BertTokenizer, vocab_file", {"tokenizer_class": "BertTokenizer", "vocab_file": "SECRET"}, True),
          ("GPT2Tokenizer, vocab and merges", {"tokenizer_class": "GPT2Tokenizer", "vocab": "SECRET",
            "merges": "SECRET"}, False),
          ("LlamaTokenizer, vocab_file", {"tokenizer_class": "LlamaTokenizer", "vocab_file": "SECRET"}, False),
          ("tokenizer_file", {"tokenizer_class": "PreTrainedTokenizerFast", "tokenizer_file": "SECRET"}, True),
          ("init_inputs", {"tokenizer_class": "BertTokenizer", "init_inputs": ["SECRET"]}, True),
          ("Wav2Vec2 and a target", {"tokenizer_class": "Wav2Vec2CTCTokenizer", "vocab_file": "SECRET"}, False),
          ("a class of no name", {"tokenizer_class": "os.system"}, False),
          ("ByT5Tokenizer, which needs no file", {"tokenizer_class": "ByT5Tokenizer"}, False),
          ("gguf_file", {"gguf_file": "SECRET"}, False))),
    field("vocab beside tokenizer.json", file=_CONFIG, quick=True, vocab="/proc/self/environ"),
    field("merges beside tokenizer.json", file=_CONFIG, merges=["a b"]),
    field("vocab_file beside tokenizer.json", file=_CONFIG, vocab_file="vocab.txt"),
    field("auto_map", file=_CONFIG, quick=True, auto_map={"AutoTokenizer": ["mine.Mine", None]}),
    field("auto_map of another repository", file=_CONFIG, auto_map={"AutoTokenizer": "org/evil--mine.Mine"}),
    field("a path upwards", file=_CONFIG, place="../other"),
    field("a path in the token map", file="special_tokens_map.json", place="/etc/passwd"),
    field("bos_token a number", file=_CONFIG, bos_token=3),
    field("bos_token a list", file=_CONFIG, bos_token=["<eos>"]),
    field("bos_token empty", file=_CONFIG, bos_token=""),
    field("bos_token of 1 MB", file=_CONFIG, quick=True, bos_token="a" * (1 << 20)),
    field("pad_token that is not in the vocabulary", file=_CONFIG, pad_token="[NEW]"),
    field("a thousand tokens more", file=_CONFIG, additional_special_tokens=[f"<{i}>" for i in range(1000)]),
    field("additional_special_tokens text", file=_CONFIG, additional_special_tokens="abc"),
    field("additional_special_tokens numbers", file=_CONFIG, additional_special_tokens=[1, 2]),
    field("chat_template a number", file=_CONFIG, chat_template=3),
    field("chat_template of 10 MB", file=_CONFIG, chat_template="a" * (7 << 20)),
    content("empty", "", file=_CONFIG),
    content("a list", "[]", file=_CONFIG, quick=True),
    content("100,000 deep", "[" * 100_000, file=_CONFIG),
    content("not UTF-8", b"\xff", file=_CONFIG),
    content("half a surrogate", '{"bos_token": "\\udc00"}', file=_CONFIG),
    content("template not UTF-8", b"\xff", file="chat_template.jinja"),
    content("template of 10 MB", "a" * (10 << 20), file="chat_template.jinja"),
    content("empty", "", file=_TOKENIZER),
    content("an empty object", "{}", file=_TOKENIZER, quick=True),
    content("a list", "[1]", file=_TOKENIZER, quick=True),
    content("null", "null", file=_TOKENIZER),
    content("100,000 deep", "[" * 100_000, file=_TOKENIZER, quick=True),
    content("cut short", '{"version": "1.0", "model": {', file=_TOKENIZER),
    content("not UTF-8", b"\xff\xfe", file=_TOKENIZER),
    content("no vocabulary", '{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[]},"added_tokens":[]}',
      file=_TOKENIZER),
    *(Case(f"tokenizer.json: {name}", partial(make, **parts), quick=quick) for name, make, parts, quick in (
        ("model of no type", _model, {"type": "Magic"}, False),
        ("vocabulary a list", _model, {"vocab": [1, 2]}, False),
        ("vocabulary empty", _model, {"vocab": {}}, True),
        ("ids negative", _model, {"vocab": {"a": -1}}, False),
        ("ids huge", _model, {"vocab": {"a": 2**32}}, False),
        ("ids with a gap of a billion", _model, {"vocab": {"a": 0, "<unk>": 2**30}}, False),
        ("unknown word that is none", _model, {"unk_token": "nowhere"}, False),
        ("model null", _parts, {"model": None}, False),
        ("a pre-tokenizer of no type", _parts, {"pre_tokenizer": {"type": "Magic"}}, False),
        ("a pattern that is none", _parts, {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(("},
          "behavior": "Isolated", "invert": False}}, False),
        ("everything normalised away", _parts, {"normalizer": {"type": "Replace", "pattern": {"Regex": "."},
          "content": ""}}, True),
        ("everything the same word", _parts, {"normalizer": {"type": "Replace", "pattern": {"Regex": ".+"},
          "content": "the"}}, True),
        ("a post-processor with a token that is none", _parts, {"post_processor": {"type": "TemplateProcessing",
          "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}], "pair": [], "special_tokens": {}}}, False),
        ("an added token beyond the vocabulary", _parts, {"added_tokens": [{"id": 99999, "content": "<x>",
          "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}]}, False),
        ("added tokens text", _parts, {"added_tokens": "abc"}, False))),
    Case("tokenizer.json: more tokens than the embedding has rows", _larger, quick=True),
    Case("no tokenizer at all", lambda place: audit(place, _without(place, _TOKENIZER, _CONFIG)), quick=True),
    Case("no tokenizer.json", lambda place: audit(place, _without(place, _TOKENIZER)), quick=True),
    Case("vocab.json without merges", partial(_byte_pairs, merges=None)),
    Case("merges of one word", partial(_byte_pairs, merges="#version: 0.2\nabc\n")),
    Case("merges that are not in the vocabulary", partial(_byte_pairs, merges="x q\n")),
    Case("vocab.json larger than the embedding", partial(_byte_pairs, more=10**6)),
    *(Case(f"chat template: {name}", partial(_template, template=template), quick=quick) for name, template, quick in (
        ("loops", _ENDLESS, True), ("2 GB", "{{ 'a' * 2000000000 }}{{ messages[0].content }}", False),
        ("no template", "{% if %}", False), ("raises", "{{ raise_exception('no') }}", False),
        ("reads attributes", "{{ ''.__class__.__mro__[1].__subclasses__() }}", False),
        ("divides by zero", "{{ 1 // 0 }}", False), ("calls itself", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
          False),
        ("doubles",
          "{% set ns = namespace(x='a') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
            False),
        ("drops the question", "hello", False), ("twenty digits wide", "{{ '%020000000000d' % 1 }}", False))),
    Case("chat template: a good one", partial(_template,
      template="{% for m in messages %}{{ m.content }}{% endfor %} :"), good=True, quick=True),
    Case("vocab.json and merges.txt of its own", _byte_pairs, good=True, quick=True),
    Case("tokenizer_config.json: none", lambda place: audit(place, _without(place, _CONFIG)), good=True, quick=True),
    field("a class that nobody knows, beside tokenizer.json", file=_CONFIG, good=True, quick=True,
      tokenizer_class="Magic"),
    field("files that are none", file=_CONFIG, good=True, vocab_file=None, tokenizer_file=None, name_or_path="/opt/x"),
    field("a stale path of the token map", file=_CONFIG, good=True, quick=True,
      special_tokens_map_file="/opt/cache/x.json"),
    field("a slash as token", file=_CONFIG, good=True, quick=True, unk_token={"content": "/", "lstrip": False,
      "__type": "AddedToken"}),
    field("texts longer than all", file=_CONFIG, good=True, model_max_length=1e30),
    field("a template of several", file=_CONFIG, good=True,
      chat_template=[{"name": "default", "template": "{{ messages[0]['content'] }}"}]),
    field("a template that leaves out what is said", file=_CONFIG, quick=True, chat_template="x"),
]  # fmt: skip
