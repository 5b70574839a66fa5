"""What a visitor of the Space is told when something fails: one toast, in a browser's words."""

import gradio as gr
import pytest

from fairhub.errors import UserError
from fairhub.space.live import live
from fairhub.space.running import Seen
from fairhub.space.toasts import UNKNOWN, told
from fairhub.space.wording import in_a_browser
from fairhub.space.worker import Standing


def test_a_mistake_is_one_toast():
    @told
    def once():
        raise UserError("got <img src=x>; mend it")

    @told
    def streaming():
        yield 1
        raise UserError("late")

    with pytest.raises(gr.Error) as toast:
        once()
    assert "&lt;img" in toast.value.message
    stream = streaming()
    assert next(stream) == 1
    with pytest.raises(gr.Error, match="late"):
        next(stream)


def test_what_nobody_foresaw_is_logged_and_one_toast(caplog):
    @told
    def once():
        raise RuntimeError("size mismatch for <b>")

    @told
    def streaming():
        yield 1
        raise KeyError("rope_theta")

    @told
    def refused():
        raise gr.Error("no quota left")

    stream = streaming()
    assert next(stream) == 1
    for attempt, why in ((once, "size mismatch"), (lambda: next(stream), "rope_theta")):
        with pytest.raises(gr.Error) as toast:
            attempt()
        assert toast.value.message == UNKNOWN and why in caplog.text
    with pytest.raises(gr.Error, match="no quota left"):
        refused()


TYPED = (
    "a run must be able to write; /srv/visitors/0ab/runs/1/run/work/x: No space left; free space, then --resume",
    "a comparison needs 2 runs; got 1; name more with --runs or --methods",
    "publishing needs a valid token; the Hub does not know this one; sign in again (hf auth login)",
    "groups need 3 prompts each; the search probes have fewer; use --bias divergence",
)


@pytest.mark.parametrize("said", TYPED)
def test_a_browser_is_told_nothing_to_type_and_no_folder(said):
    shown = in_a_browser(said)
    assert shown.startswith(said.split(";")[0]) and "--" not in shown and "hf auth" not in shown and "/srv" not in shown
    assert in_a_browser(shown) == shown

    @told
    def once():
        raise UserError(said)

    with pytest.raises(gr.Error) as toast:
        once()
    assert toast.value.message == shown
    assert shown in live(Seen(Standing("failed", said)))


def test_what_is_no_folder_stays():
    for said in ("got '/etc/passwd'; mend it", "see https://huggingface.co/ada/fair", "ada/fair must exist", "50 / 50"):
        assert in_a_browser(said) == said
