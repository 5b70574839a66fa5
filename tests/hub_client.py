"""What tests of the Hub do again and again: commit some bytes, run the client or `hf` in a process, read an error."""

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from hub_server import HubServer
from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi

CARD = b"---\nlicense: mit\nlibrary_name: transformers\ntags: [fair]\nbase_model: org/base\n---\n# Tiny\n"


def commit(api: HfApi, files: dict[str, bytes], repo: str = "ada/tiny", **options) -> CommitInfo:
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return api.create_commit(repo, operations, commit_message="A change", **options)


def run(hub: HubServer, words: list[str], user: str | None = "ada", **options) -> subprocess.CompletedProcess:
    environment = hub.environment(user, **options) | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=150)


def python(hub: HubServer, code: str, *words: str, **options) -> str:
    done = run(hub, [sys.executable, "-c", code, *words], **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def hf(hub: HubServer, *words: str, **options) -> subprocess.CompletedProcess:
    return run(hub, [str(Path(sys.executable).parent / "hf"), *words], **options)


def fairhub_command(hub: HubServer, *words: object, user: str | None = "ada", **options) -> subprocess.CompletedProcess:
    return run(hub, [sys.executable, "-m", "fairhub", *map(str, words)], user, **options)


def silent(hub: HubServer, done: subprocess.CompletedProcess) -> None:
    """No output holds a token."""
    for user in ("ada", "bob"):
        assert hub.token(user) not in done.stdout + done.stderr


def send(hub: HubServer, method: str, path: str, body: bytes, user: str | None = "ada") -> bytes:
    """A request that the client would never make."""
    headers = {"Authorization": f"Bearer {hub.token(user)}"} if user else {}
    request = urllib.request.Request(hub.url + path, body, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def status(error: pytest.ExceptionInfo) -> int:
    return error.value.response.status_code
