"""Publishing from a browser, without the browser: whose token, what the card shows, what the zip holds."""

import zipfile

import fake_report
import gradio as gr
import pytest
import yaml
from huggingface_hub import HfApi
from published import made

from fairhub import report
from fairhub.errors import UserError
from fairhub.publish import checked
from fairhub.space import publish_tab
from fairhub.space.publishing import client, preview, send, suggested, zipped
from fairhub.space.toasts import told

SPACE = {"SYSTEM": "spaces", "SPACE_ID": "ada/fairhub", "HF_TOKEN": "hf_of_the_owner"}


@pytest.fixture
def on_space(monkeypatch):
    for name, value in SPACE.items():
        monkeypatch.setenv(name, value)


def test_on_a_space_only_the_visitors_token_is_taken(on_space):
    assert client("hf_of_the_visitor").token == "hf_of_the_visitor"
    for nobody in (None, ""):
        with pytest.raises(UserError, match="nobody is signed in"):
            client(nobody)


def test_at_home_it_is_that_of_hf_auth_login(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_of_mine")
    assert client(None).token == "hf_of_mine"


def test_nothing_is_sent_for_who_is_not_signed_in(on_space, hub):
    with pytest.raises(UserError, match="sign in with Hugging Face first"):
        send(made()[2], "ada/fair", None, private=False, pr=False)
    assert not hub.log


def test_refusals_say_what_to_click_not_what_to_type(on_space, hub, monkeypatch):
    monkeypatch.setattr("fairhub.space.publishing.HfApi", lambda token, library_name: HfApi(hub.url, token))
    for to, token, said in (
        ("ada/fair", "hf_unknown", "sign in again"),
        ("bob/fair", hub.token("ada"), "try a pull request or your own namespace"),
    ):
        with pytest.raises(gr.Error, match=said) as error:
            told(send)(made()[2], to, token, private=False, pr=False)
        assert "hf auth" not in error.value.message and "--" not in error.value.message


def test_the_preview_is_the_card_with_its_pictures_inside():
    front, page = preview(made()[2], "ada/fair")
    assert yaml.safe_load(front)["library_name"] == "transformers"
    assert "data:image/png;base64," in page and "](figures/" not in page and not page.startswith("---")
    assert 'from_pretrained("ada/fair")' in page
    assert "org/name" in preview(made()[2], "")[1]
    with pytest.raises(UserError, match="a repository is called 'org/name'"):
        preview(made()[2], "no name")


def test_a_name_is_suggested_to_who_is_signed_in():
    assert suggested(made()[2], "ada") == "ada/base-fair" and suggested(made()[2], None) == ""


def test_only_what_was_shown_to_be_fairer_is_suggested_as_fair(tmp_path):
    for effect, name in ((-0.4, "fair"), (0.4, "pruned")):
        figures = fake_report.figures({"search": -0.6, "select": -0.5, "held_out": effect, "external": -0.2})
        report.write(fake_report.report(figures), tmp_path / name / "report.json")
        assert suggested(tmp_path / name, "ada").endswith(f"-{name}")


def test_another_run_shows_nothing_of_the_one_before():
    file, done, front, body, card = publish_tab._nothing_yet()
    assert file["value"] is None and file["visible"] is False and card["open"] is False
    assert done == front == "" and "Preview" in body


def test_the_zip_is_the_run_and_can_be_published(tmp_path):
    run = made()[2]
    pack = zipped(run, tmp_path / "run-1.zip")
    with zipfile.ZipFile(pack) as held:
        held.extractall(tmp_path)
    there = {path.relative_to(run) for path in run.rglob("*") if path.is_file()}
    out = tmp_path / "run-1"
    assert {path.relative_to(out) for path in out.rglob("*") if path.is_file()} == there
    assert checked(out)[0].pruning == checked(run)[0].pruning
    assert sorted(tmp_path.glob("*.partial")) == []


def test_an_unfinished_run_is_neither_packed_nor_shown(tmp_path):
    (tmp_path / "work").mkdir()
    for attempt in (lambda: zipped(tmp_path, tmp_path / "run.zip"), lambda: preview(tmp_path, "")):
        with pytest.raises(UserError, match="a report is read from a report.json"):
            attempt()
