"""The Space on the Hub: its page says how to run it, and one commit brings all of it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi, SpaceHardware
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from fairhub.errors import UserError
from fairhub.model.loading import DEFAULT
from fairhub.publish.space import PARTS, deploy, space_files

ROOT = Path(__file__).parent.parent
FRONT = yaml.safe_load((ROOT / "README.md").read_text().split("---\n")[1])


@pytest.fixture
def checkout(tmp_path):
    """Every part of a Space, in small."""
    root = tmp_path / "checkout"
    for part in PARTS:
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        if "." in part or part == "LICENSE":
            (root / part).write_text(f"# {part}\n")
        else:
            (root / part / "inner").mkdir(parents=True)
            (root / part / "inner" / "file.py").write_text('"""Inside."""\n')
    (root / "README.md").write_text("---\nsdk: gradio\napp_file: space_app.py\n---\n")
    (root / "docs" / "picture.png").write_bytes(b"\x89PNG\r\n" + bytes(range(256)))
    return root


def test_the_page_says_how_to_run_it():
    assert FRONT["sdk"] == "gradio" and (FRONT["app_file"], FRONT["python_version"]) == ("space_app.py", "3.12")
    assert FRONT["hf_oauth"] is True and FRONT["hf_oauth_scopes"] == ["contribute-repos"]
    assert FRONT["models"] == [DEFAULT] and FRONT["preload_from_hub"][0].split()[0] == DEFAULT
    assert SpaceHardware(FRONT["suggested_hardware"]) == SpaceHardware.ZERO_A10G
    assert len(FRONT["short_description"]) <= 60  # the Hub refuses longer ones


def test_the_page_names_versions_that_are_tested():
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    needs = {Requirement(line).name: Requirement(line) for line in lines if line}
    assert FRONT["sdk_version"] == pins["gradio"] and needs["gradio"].extras == {"oauth", "mcp"}
    assert needs["gradio"].specifier.contains(FRONT["sdk_version"])
    assert needs["torch"].specifier.contains("2.8.0")  # the oldest that ZeroGPU runs
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert SpecifierSet(project["requires-python"]).contains(FRONT["python_version"])


def test_one_commit_brings_all_of_it_and_a_second_nothing(hub, ada, checkout):
    (checkout / "fairhub" / "__pycache__").mkdir()
    (checkout / "fairhub" / "__pycache__" / "x.pyc").write_bytes(b"\0")
    (checkout / "fairhub" / ".secret").write_text("not for others")
    made = deploy(checkout, "ada/fair", api=ada)
    assert made.changed and made.url == f"{hub.url}/spaces/ada/fair"
    assert len(hub.commits("ada/fair", kind="space")) == 2  # the one it came with, and ours
    sent = hub.files("ada/fair", kind="space")
    assert set(sent) == {*space_files(checkout).files}
    assert {"README.md", "space_app.py", "fairhub/inner/file.py", "docs/picture.png"} <= set(sent)
    assert not [name for name in sent if "pycache" in name or "secret" in name]
    assert sent["docs/picture.png"] == (checkout / "docs" / "picture.png").read_bytes()
    assert not deploy(checkout, "ada/fair", api=ada).changed
    assert len(hub.commits("ada/fair", kind="space")) == 2


def test_what_is_gone_here_is_gone_there_in_the_same_commit(hub, ada, checkout):
    deploy(checkout, "ada/fair", api=ada)
    (checkout / "fairhub" / "inner" / "file.py").rename(checkout / "fairhub" / "moved.py")
    deploy(checkout, "ada/fair", api=ada)
    assert set(hub.files("ada/fair", kind="space")) == {*space_files(checkout).files}
    assert "fairhub/moved.py" in hub.files("ada/fair", kind="space")
    assert len(hub.commits("ada/fair", kind="space")) == 3


def test_a_failed_commit_leaves_the_space_as_it_was(hub, ada, checkout):
    deploy(checkout, "ada/fair", api=ada)
    before = hub.files("ada/fair", kind="space")
    (checkout / "space_app.py").write_text("# other\n")
    hub.fault("POST", "/commit/", 500, times=9)
    with pytest.raises(UserError, match="the Space is as it was"):
        deploy(checkout, "ada/fair", api=ada)
    assert hub.files("ada/fair", kind="space") == before


def test_mistakes_are_one_clear_line(hub, ada, checkout):
    with pytest.raises(UserError, match="a repository is called 'org/name'"):
        deploy(checkout, "fair", api=ada)
    with pytest.raises(UserError, match="needs the right to write there"):
        deploy(checkout, "bob/fair", api=ada)
    (checkout / "space_app.py").unlink()
    with pytest.raises(UserError, match="has no space_app.py; run it from a checkout"):
        deploy(checkout, "ada/fair", api=ada)
    assert not hub.exists("ada/fair", "space")


@pytest.mark.wide
def test_make_deploys_the_checkout_it_stands_in(hub, checkout):
    recipe = (ROOT / "Makefile").read_text().split("\ndeploy-space:")[1].split("\n\n")[0]
    (module,) = re.findall(r"-m (\S+) \$\(SPACE\)", recipe)
    environment = hub.environment("ada") | {
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
    }  # not the checkout's fairhub
    words = [sys.executable, "-m", module, "lab/fair"]
    done = subprocess.run(words, env=environment, cwd=checkout, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "deployed" in done.stdout and hub.token("ada") not in done.stdout + done.stderr
    sent = hub.files("lab/fair", kind="space")
    assert sent["README.md"] == (checkout / "README.md").read_bytes() and "space_app.py" in sent
    info = HfApi(endpoint=hub.url, token=hub.token("ada")).repo_info("lab/fair", repo_type="space")
    assert info.card_data.sdk == "gradio"


def test_this_checkout_has_what_runs():
    files = space_files(ROOT).files
    assert {FRONT["app_file"], "requirements.txt", "fairhub/pipeline.py", "fairhub/data/templates.jsonl"} <= set(files)
    assert files["README.md"].read_text().startswith("---\n")
