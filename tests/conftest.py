"""Fixtures: tiny models and their tokenizer, neutral text, the test Hub and its users, a repair made short."""

import re
import sys
import warnings

import planted
import pytest
from hub_server import HubServer
from huggingface_hub import HfApi
from tiny import ARCHITECTURES, architectures
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

import fairhub.inputs.text
import fairhub.pipeline
import fairhub.proof.prover
from fairhub.__main__ import main
from fairhub.compute.greedy import continuations
from fairhub.inputs.sizes import Sizes

pytest_plugins = ["browsing"]  # a Space, a browser and its pages, as fixtures


@pytest.fixture(params=architectures())
def model(request):
    """A tiny model of each listed architecture in turn, all but a few of them in `make test-wide` alone."""
    return ARCHITECTURES[request.param]()


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path, monkeypatch):
    """No audit takes over what an earlier test measured, nor leaves anything in the user's cache."""
    monkeypatch.setattr("fairhub.model.loading.cache", lambda: tmp_path / "cache")


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    """A file of neutral text in the words of the planted model."""
    return planted.write_text(tmp_path_factory.mktemp("text") / "neutral.txt")


@pytest.fixture(scope="session")
def tokenizer():
    """One token for each ASCII character, at its own code; 0, 1 and 2 are the special tokens."""
    specials = {"<pad>": 0, "<eos>": 1, "<unk>": 2}
    letters = {chr(code): code for code in range(3, 128)}
    letter_by_letter = Tokenizer(models.BPE(vocab=specials | letters, merges=[], unk_token="<unk>"))
    letter_by_letter.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=letter_by_letter,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


@pytest.fixture
def hub(tmp_path):
    with HubServer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def ada(hub):
    return HfApi(endpoint=hub.url, token=hub.token("ada"))


@pytest.fixture
def bob(hub):
    return HfApi(endpoint=hub.url, token=hub.token("bob"))


@pytest.fixture
def nobody(hub):
    return HfApi(endpoint=hub.url, token=False)


@pytest.fixture
def brief(monkeypatch):
    """Short continuations, no pictures; the Hub is out of reach."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(fairhub.inputs.text, "_hub_answers", lambda: False)
    monkeypatch.setattr(fairhub.proof.prover, "continuations", lambda m, t, p: continuations(m, t, p, tokens=4))
    monkeypatch.setattr(fairhub.pipeline.plots, "save_all", lambda *_: {})


@pytest.fixture
def offline(monkeypatch):
    """The Hub is out of reach."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("fairhub.inputs.text._hub_answers", lambda: False)


@pytest.fixture(scope="session")
def planted_folder(tmp_path_factory):
    """A folder of the planted model, which the command line takes."""
    return planted.save(planted.planted_model(), tmp_path_factory.mktemp("models") / "planted")


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command line in this process; returns exit code, stdout and stderr."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["fairhub", *map(str, words)])
        code = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                main()
            except SystemExit as stop:
                code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def refused(command):
    """Run a command that must be refused; returns the one line said."""

    def run(*words):
        code, out, err = command(*words)
        lines = re.findall("fairhub: .*", err)  # a progress bar may stand before it on its line
        assert code == 2, (code, out, err)
        assert len(lines) == 1, err
        assert "Traceback" not in err and out == ""
        return lines[0]

    return run


@pytest.fixture
def small_audit(monkeypatch):
    """Every request measures little, whoever makes it."""
    sizes = Sizes(
        held_out=24, external=24, control=24, search=16, select=16, held_out_tokens=1024,
        search_tokens=1024, select_tokens=1024,
    )  # fmt: skip
    init = fairhub.pipeline.Request.__init__
    monkeypatch.setattr(
        fairhub.pipeline.Request, "__init__", lambda self, *args, **how: init(self, *args, **how | {"sizes": sizes})
    )
