"""Whose code runs where: what is published carries the fairhub that made it, and no index is asked for one."""

import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from dataclasses import replace
from pathlib import Path

import fake_report
import pytest
from hub_client import hf
from published import made

from fairhub import publish as publisher
from fairhub.errors import UserError
from fairhub.publish.script import script
from fairhub.publish.wheel import Wheel, wheel

HUB = "https://huggingface.co"


@pytest.fixture(scope="module")
def built():
    return wheel()


def test_a_wheel_is_built_alike_and_lists_what_it_holds(built):
    assert wheel() == built and built.name == "fairhub-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(built.content)) as pack:
        names = set(pack.namelist())
        rows = list(csv.reader(io.StringIO(pack.read("fairhub-0.2.0.dist-info/RECORD").decode())))
        about = pack.read("fairhub-0.2.0.dist-info/METADATA").decode()
    assert {row[0] for row in rows} == names and {"fairhub/__main__.py", "fairhub/data/terms.jsonl"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert "Requires-Dist: torch>=2.8" in about and "Requires-Dist: scipy" in about


@pytest.mark.wide
def test_pip_installs_the_wheel_by_its_hash_and_no_other(built, tmp_path):
    place = tmp_path / built.name
    place.write_bytes(built.content)
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(tmp_path / "there")]
    done = subprocess.run([*pip, f"fairhub @ file://{place}#sha256={'0' * 64}"], capture_output=True, text=True)
    assert done.returncode != 0 and "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    done = subprocess.run([*pip, f"fairhub @ file://{place}#sha256={built.sha256}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there" / "fairhub" / "data" / "terms.jsonl").is_file()


def test_the_script_installs_that_file_and_asks_no_index_for_fairhub(built):
    text = script("ada/fair", "v1", fake_report.report(), built, HUB)
    assert f"fairhub @ {HUB}/ada/fair/resolve/v1/{built.path}#sha256={built.sha256}" in text
    assert "fairhub==" not in text and "secrets" not in text and "HF_TOKEN" not in text
    assert "publisher's code" in text and "`fairhub reproduce ada/fair`" in text
    compile(text, "reproduce.py", "exec")


@pytest.mark.parametrize(
    "change",
    [
        {"repo": 'ada/fair"\nimport os'}, {"repo": "fair"}, {"repo": "../ada/fair"}, {"tag": 'v1"]\n# x = ["'},
        {"tag": ""}, {"tag": "-r"}, {"endpoint": 'https://hub"\nx'}, {"endpoint": "file:///etc"}, {"endpoint": "hub"},
    ],
)  # fmt: skip
def test_what_would_inject_code_is_refused(built, change):
    asked = {"repo": "ada/fair", "tag": None, "report": fake_report.report(), "wheel": built, "endpoint": HUB}
    with pytest.raises(UserError) as error:
        script(**asked | change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", ['0.1.0"\nimport os', "0.1.0; x", "", "1.0.0\x1b[31m", "latest"])
def test_no_version_but_a_version_reaches_a_recipe(version, tmp_path):
    run = shutil.copytree(made()[2], tmp_path / "run")
    for name in ("report.json", "recipe.json"):
        record = json.loads((run / name).read_text())
        (run / name).write_text(json.dumps(record | {"fairhub": version}))
    with pytest.raises(UserError) as error:
        publisher.publish(run, "ada/fair", dry_run=True)
    assert "\n" not in str(error.value) and "\x1b" not in str(error.value)


def test_a_run_of_another_fairhub_is_not_published_with_this_one(tmp_path):
    run = shutil.copytree(made()[2], tmp_path / "run")
    for name in ("report.json", "recipe.json"):
        record = json.loads((run / name).read_text())
        (run / name).write_text(json.dumps(record | {"fairhub": "0.0.9"}))
    with pytest.raises(UserError, match="published with the fairhub that made it"):
        publisher.publish(run, "ada/fair", dry_run=True)


def test_what_is_published_carries_its_fairhub_and_says_its_hash(hub, ada, built):
    publisher.publish(made()[2], "ada/fair", api=ada)
    files = hub.files("ada/fair")
    recipe = json.loads(files["fairhub/recipe.json"])
    assert recipe["wheel"] == {"file": built.path, "sha256": hashlib.sha256(files[built.path]).hexdigest()}
    url, _, sha = built.url(hub.url, "ada/fair").partition("#sha256=")
    with urllib.request.urlopen(url) as answer:
        assert hashlib.sha256(answer.read()).hexdigest() == sha
    assert url in files["reproduce.py"].decode()


@pytest.mark.wide
def test_another_wheel_than_the_recipe_names_comes_out_different(hub, ada, tmp_path, monkeypatch):
    from fairhub.publish.reproduce import Mine, agrees, reproduce

    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))
    base, text, run = made(False)
    publisher.publish(run, "ada/fair", api=ada)
    folder = tmp_path / "D"
    ada.snapshot_download("ada/fair", local_dir=folder)
    mine = Mine(str(base), text=text)
    assert agrees(reproduce(str(folder), quick=True, mine=mine))
    (folder / wheel().path).write_bytes(b"another")
    wrong = [c.what for c in reproduce(str(folder), quick=True, mine=mine) if c.verdict == "different"]
    assert wrong == ["published fairhub"]


@pytest.mark.slow
def test_it_reproduces_where_there_is_no_fairhub(hub, ada, tmp_path):
    """A new environment has the third-party packages of this one and takes fairhub from the repository alone."""
    base, text, run = made(False)
    publisher.publish(run, "ada/fair", api=ada)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    clean = {name: value for name, value in hub.environment("ada").items() if name != "PYTHONPATH"}
    inside = next((venv / "lib").glob("python*")) / "site-packages"
    for path in sorted(Path(packages).iterdir()):  # all but fairhub, however it is installed
        if "fairhub" not in path.name and not path.name.endswith(".pth") and not (inside / path.name).exists():
            (inside / path.name).symlink_to(path)
    gone = subprocess.run([python, "-c", "import fairhub"], env=clean, cwd=tmp_path, capture_output=True, text=True)
    assert "No module named 'fairhub'" in gone.stderr
    assert hf(hub, "download", "ada/fair", "--local-dir", str(tmp_path / "D")).returncode == 0
    words = (tmp_path / "D" / "reproduce.py").read_text()
    need = words.split('dependencies = ["')[1].split('"')[0]
    done = subprocess.run([python, "-m", "pip", "install", "--no-deps", "--no-index", need], env=clean, cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    own = ["--base", str(base), "--text", str(text), "--quick"]
    done = subprocess.run([python, str(tmp_path / "D" / "reproduce.py"), *own], env=clean, cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0 and "reproduced" in done.stdout, done.stdout + done.stderr
    done = subprocess.run([python, "-m", "fairhub", "reproduce", "ada/fair", *own], env=clean, cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wheel_says_where_it_is_and_what_it_is():
    other = replace(Wheel("fairhub-1-py3-none-any.whl", b"x"), content=b"y")
    assert other.url(HUB, "a/b", "v1").endswith(f"/a/b/resolve/v1/fairhub/{other.name}#sha256={other.sha256}")
