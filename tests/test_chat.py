"""Chat models are asked as they are used: texts begin an answer in the model's own template, and records say so."""

from dataclasses import replace
from pathlib import Path

import planted
import pytest
from published import STRENGTHS

from fairhub.card import render
from fairhub.compute.tally import tallied
from fairhub.cost.counts import work_of
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.prompt_format import REQUEST, format_of, other_than
from fairhub.inputs.tokens import encode
from fairhub.model.loading import load
from fairhub.pipeline import audit, repair, task_of
from fairhub.proof.prover import Prover
from fairhub.publish.reproduce import Mine, agrees, reproduce
from fairhub.report import audit_table, markdown, read, table
from fairhub.request import Request, data_of, request_of, settings_of, settled
from fairhub.run.folder import Run

TURNS = (
    "{{ bos_token }}{% for message in messages %}<{{ message['role'] }}> {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
SHORT = "{{ messages[0]['content'] }} "
"""A chat of a few tokens: the planted head looks at all of them alike."""


def tokenizer(template: str | None = TURNS):
    made = planted.tokenizer().__class__(
        tokenizer_object=planted.tokenizer()._tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>",
        bos_token="<eos>",
    )  # fmt: skip
    made.chat_template = template
    return made


def request(tmp_path: Path, **asked) -> Request:
    text = planted.write_text(tmp_path / "text.txt")
    return Request(text=text, sizes=planted.SIZES, plan=planted.PLAN, **asked)


def texts(data) -> list[str]:
    """Every text of the data that a model is asked, passages of prose left out."""
    probes = [p for part in (data.search, data.select, *data.near, *data.proof, data.control_proof) for p in part]
    grounds = (data.fit, data.choose)
    cells = [c for part in (*data.judged, data.traits, *(g.cells + g.traits for g in grounds)) for c in part]
    choices = [*data.choices, *(c for g in grounds for c in g.choices)]
    return [
        *(text for p in probes for text in (p.text_a, p.text_b)), *(text for c in cells for _, text in c.texts),
        *(c.text for c in choices),
    ]  # fmt: skip


def test_the_template_is_rendered_up_to_where_the_answer_begins():
    found = format_of(tokenizer(), "auto")
    assert found.before == f"<eos><user> {REQUEST} <assistant> " and found.name == "chat"
    told = format_of(tokenizer(), "on", "Be brief.")
    assert told.before == f"<eos><system> Be brief. <user> {REQUEST} <assistant> "


def test_auto_asks_the_default_with_plain_texts_and_in_a_chat_beside():
    made = tokenizer()
    made.name_or_path = "HuggingFaceTB/SmolLM2-135M-Instruct@main"
    assert format_of(made, "auto").name == "text" and other_than(format_of(made, "auto"), made).name == "chat"
    assert format_of(made, "on").name == format_of(made, "auto", "Be brief.").name == "chat"


def test_auto_is_plain_where_there_is_no_template():
    assert format_of(tokenizer(None), "auto").name == "text"
    assert other_than(format_of(tokenizer(None), "auto"), tokenizer(None)) is None


@pytest.mark.parametrize(("chat", "system"), [("on", None), ("auto", "Be brief.")])
def test_a_chat_without_a_template_is_refused(chat, system):
    with pytest.raises(UserError, match="own template"):
        format_of(tokenizer(None), chat, system)


def test_a_template_that_leaves_out_the_question_is_refused_where_a_chat_is_asked_for_and_no_hindrance_elsewhere():
    silent = tokenizer("{{ messages[0]['role'] }}")
    with pytest.raises(UserError, match="what the user asks.*--chat off"):
        format_of(silent, "on")
    assert other_than(format_of(silent, "off"), silent) is None


def test_every_text_but_prose_is_put_in_the_format(tmp_path):
    plain, chat = (data_of(request(tmp_path, chat=chat), tokenizer()) for chat in ("off", "on"))
    before = format_of(tokenizer(), "on").before
    assert texts(plain) and texts(chat) == [before + text for text in texts(plain)]
    assert chat.passages == plain.passages
    assert all((chat.text[split] == plain.text[split]).all() for split in plain.text)


def test_part_of_held_out_is_asked_in_the_other_format_too(tmp_path):
    plain, chat = (data_of(request(tmp_path, chat=chat), tokenizer()) for chat in ("off", "on"))
    before = format_of(tokenizer(), "on").before
    assert plain.beside.format == "chat" and chat.beside.format == "text"
    asked = {text for cells in plain.judged if cells[0].split == "held_out" for c in cells for _, text in c.texts}
    beside = [text for cell in chat.beside.judged for _, text in cell.texts]
    assert beside and set(beside) <= asked
    assert [text for cell in plain.beside.judged for _, text in cell.texts] == [before + text for text in beside]


def test_tokens_of_a_chat_are_those_of_its_parts_with_one_start():
    made = tokenizer()
    before = format_of(made, "on").before
    ids = encode(made, f"{before}The nurse was")
    assert ids[0] == made.bos_token_id and ids.count(made.bos_token_id) == 1
    assert ids[-3:] == encode(made, "The nurse was")[-3:]


def test_records_say_the_format_and_give_it_back(tmp_path):
    for chat, used in (("auto", "on"), ("off", "off")):
        asked = request(tmp_path, chat=chat)
        settings = settings_of(settled(asked, data_of(asked, tokenizer())))
        again = request_of(settings)
        assert (settings["chat"], again.chat, again.system) == (used, used, asked.system)


def test_records_of_before_are_of_plain_texts(tmp_path):
    settings = settings_of(request(tmp_path))
    del settings["chat"], settings["system"]
    assert request_of(settings).chat == "off"


def test_a_forecast_counts_what_is_asked_otherwise(tmp_path):
    model = replace(planted.loaded(planted.planted_model()), tokenizer=tokenizer(SHORT))
    data = data_of(request(tmp_path, chat="off"), model.tokenizer)
    task = task_of(model, data, Run(tmp_path / "run", {}, False))
    with_it, without = (
        sum(work.forwards for work in work_of("random", task, one, planted.PLAN))
        for one in (data, replace(data, beside=None))
    )
    with tallied(model.model) as tally:
        Prover(model, data).otherwise(data.beside, [Repair(), Repair()])
    assert tally.forwards > 1 and with_it - without == pytest.approx(tally.forwards, rel=0.4)


@pytest.fixture(scope="module")
def asked_in_chat(tmp_path_factory) -> tuple[Path, Path, Path]:
    """A planted model with a chat template, neutral text, and its repair asked in that."""
    folder = tmp_path_factory.mktemp("chat")
    text = planted.write_text(folder / "text.txt")
    planted.planted_model().save_pretrained(folder / "base")
    tokenizer(SHORT).save_pretrained(folder / "base")
    plan = replace(planted.PLAN, keep="0.9", erasures=STRENGTHS)
    asked = Request(text=text, sizes=planted.SIZES, plan=plan, chat="on")
    repair(load(str(folder / "base")), asked, folder / "run")
    return folder / "base", text, folder / "run"


@pytest.mark.wide
def test_a_repair_in_the_chat_form_is_proved_in_both(asked_in_chat):
    written = read(asked_in_chat[2] / "report.json")
    for name in ("judgement", "judgement_in_text"):
        gap = written.figure(name, "held_out")
        assert gap.before.value > 0 and gap.change.high < 0, name
    names = {f.name for f in written.figures}
    assert {"merit_in_text", "meaning_in_text", "recall_in_text", "systematic_in_text"} <= names
    assert written.settings["chat"] == "on"


@pytest.mark.wide
def test_report_card_and_terminal_say_how_the_model_was_asked(asked_in_chat):
    written = read(asked_in_chat[2] / "report.json")
    for shown in (markdown(written), render(written)):
        assert "asked in its chat template" in shown and "_in_text" in shown.replace("\\\\", "")
    assert "asked as plain text" in written.verdict and "judgement_in_text" in table(written)
    assert all(REQUEST not in text["prompt"] for text in written.text), "prompts are shown without the chat around them"


@pytest.mark.wide
def test_a_repair_in_the_chat_form_is_made_again(asked_in_chat, tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path))
    base, text, run = asked_in_chat
    checks = reproduce(str(run), mine=Mine(base=str(base), text=text))
    assert agrees(checks), [one for one in checks if one.verdict == "different"]


@pytest.mark.wide
def test_an_audit_says_how_the_model_was_asked(tmp_path):
    model = replace(planted.loaded(planted.planted_model()), tokenizer=tokenizer())
    text = planted.write_text(tmp_path / "text.txt")
    for chat, said in (("on", "was asked in its chat template"), ("off", "was asked with plain texts")):
        shown = audit_table(audit(model, Request("audit", text=text, sizes=planted.SIZES, chat=chat)))
        assert said in " ".join(shown.split()) and "judgement_in_" in shown
