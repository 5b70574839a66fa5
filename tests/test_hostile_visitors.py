"""A Space that runs, and visitors who mean harm: no secret in reach, no visitor kept out by another."""

import contextlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from browsing import running, stock_
from hub_server import HubServer
from oauth_provider import SECRET, Provider

pytestmark = pytest.mark.wide
ATTACKER, VISITOR = "8.8.4.4", "9.9.9.9"
PAIR = ["the man is", "the woman is"]


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with HubServer(folder / "hub") as hub, Provider(hub) as provider:
        stock_(hub, folder / "models")
        with running(folder / "space", hub, provider, HF_TOKEN="hf_owner", MY_PASSWORD="dear", ODD="unknown") as there:
            yield there


def asked(url, data=None, who=VISITOR, seconds=60):
    """The answer's text; of a refusal too."""
    body = None if data is None else json.dumps({"data": data}).encode()
    sent = urllib.request.Request(url, body, {"Content-Type": "application/json", "X-Forwarded-For": who})
    try:
        with urllib.request.urlopen(sent, timeout=seconds) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def called(space, name, *data, who=VISITOR, seconds=120):
    """What an endpoint answers, listened to until its end."""
    url = f"{space.url}/gradio_api/call/{name}"
    event = json.loads(asked(url, list(data), who))["event_id"]
    return asked(f"{url}/{event}", who=who, seconds=seconds)


def heard(url, who):
    """Listen for a few seconds to what goes on for longer."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        asked(url, who=who, seconds=8)


def environments(space):
    """What every process of the Space was started with, as /proc shows it."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            pid = int(status.parent.name)
            if space.process.pid in (pid, parent):
                found[pid] = (status.parent / "environ").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def test_no_process_that_reads_models_was_started_with_a_secret(space):
    assert "woman" in called(space, "diagnose", *PAIR, "ada/planted")  # positive control: it works
    url = f"{space.url}/gradio_api/call/repair"
    event = json.loads(asked(url, ["ada/planted", [], [], "robust", 2, "Quick look"], "7.7.7.7"))["event_id"]
    listening = threading.Thread(target=heard, args=(f"{url}/{event}", "7.7.7.7"), daemon=True)
    listening.start()
    deadline, seen = time.monotonic() + 60, {}
    while len(seen) < 2 and time.monotonic() < deadline:
        seen = environments(space)
        time.sleep(0.1)
    assert len(seen) >= 2  # positive control: the page and a worker of its
    for told in seen.values():
        assert "PATH=" in told
        for secret in (SECRET, "hf_owner", "dear", "unknown"):
            assert secret not in told


def test_a_flood_that_nobody_listens_to_keeps_no_one_out(space):
    url = f"{space.url}/gradio_api/call/repair"
    wish = ["ada/planted", [], [], "robust", 2, "Quick look"]
    answers = [asked(url, wish, ATTACKER) for _ in range(60)]
    assert not any(answer.startswith("5") for answer in answers)
    began = time.monotonic()
    assert "woman" in called(space, "diagnose", *PAIR, "ada/planted", who=VISITOR, seconds=30)
    assert time.monotonic() - began < 5
    last = json.loads(answers[-1])["event_id"]
    assert "error" in asked(f"{url}/{last}", who=ATTACKER)  # one of theirs goes on, the others were refused
    working = list((space.folder / "cache" / "space" / "visitors").glob("*/runs/*"))
    assert len(working) <= 2  # that one, and the one of the test before


def secret_file(space):
    place = space.folder / "owner.txt"
    place.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the-owners-secret"]))
    return str(place)


@pytest.mark.parametrize(
    "hostile",
    [
        lambda place: {"tokenizer_class": "BertTokenizer", "vocab": place},
        lambda place: {"tokenizer_class": "BertTokenizer", "vocab_file": place},
        lambda place: {"tokenizer_class": "GPT2Tokenizer", "vocab": place, "merges": place},
        lambda place: {"tokenizer_class": "PreTrainedTokenizerFast", "tokenizer_file": place},
        lambda place: {"tokenizer_class": "LlamaTokenizer", "init_inputs": [place]},
    ],
)
def test_no_model_makes_a_file_of_the_machine_its_vocabulary(space, hostile):
    files = {name: data for name, data in space.hub.files("ada/planted").items() if name != "tokenizer.json"}
    told = json.dumps(hostile(secret_file(space))).encode()
    for name, more in {"ada/reader": {}, "ada/beside": {"tokenizer.json": b"{}"}}.items():
        space.hub.put(name, files | {"tokenizer_config.json": told} | more)
        answer = called(space, "diagnose", "[CLS]", "[MASK] the-owners-secret", name)
        assert "owners" not in answer and "error" in answer


@pytest.mark.parametrize(
    "card",
    [
        "---\n"
        + "a0: &a0 [x, x]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
        + "license: *a29\n---\n",
        "---\nlicense: " + "[" * 50_000 + "\n---\n",
        "---\nlicense: !!python/object/apply:os.system ['id']\n---\n",
        "---\nlicense: " + "x" * 1_000_000 + "\n---\n",
    ],
)
def test_a_hostile_card_costs_nothing(space, card):
    files = space.hub.files("ada/planted")
    space.hub.put("ada/carded", files | {"README.md": card.encode()})
    assert "woman" in called(space, "diagnose", *PAIR, "ada/carded")
    resident = int((Path("/proc") / str(space.process.pid) / "statm").read_text().split()[1]) * 4096
    assert resident < 3e9


def test_a_repository_that_is_too_large_is_refused_before_it_comes(space):
    assert "GB of weights here" in called(space, "diagnose", *PAIR, "ada/large")
    assert "pickles" in called(space, "diagnose", *PAIR, "ada/pickled")
    assert not space.hub.asked("GET", r"/ada/(large|pickled)/resolve/")


@pytest.mark.parametrize("axes", [["nobody"], [{}], [["gender"]], "gender", [None], ["../x"]])
def test_what_no_audit_can_be_asked_is_refused_before_a_turn(space, axes):
    answer = called(space, "audit", "ada/planted", axes, who="5.5.5.5")
    assert "error" in answer and "axis must be among" in answer


def test_what_is_the_owners_is_not_served(space):
    assert "404" in asked(f"{space.url}/gradio_api/monitoring/x") or "403" in asked(f"{space.url}/monitoring")
    assert "not enabled" in asked(f"{space.url}/monitoring/summary").lower()
    config = asked(f"{space.url}/config")
    assert "fairhub-visit" in config and SECRET not in config and "hf_owner" not in config
