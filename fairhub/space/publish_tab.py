"""The tab Publish: a finished run on the Hub under the visitor's own name, or as a zip; no token is kept anywhere."""

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from fairhub.space.markup import esc
from fairhub.space.publishing import on_space, preview, send, suggested, zipped
from fairhub.space.shared import Page, Shared, models_in_turn, once_begun
from fairhub.space.toasts import told

_COMMIT, _REQUEST = "Commit", "Pull request"
_UNSEEN = "Preview it first."


class _Parts(NamedTuple):
    """What the tab shows, from top to bottom."""

    run: gr.Dropdown
    name: gr.Textbox
    private: gr.Checkbox
    how: gr.Radio
    look: gr.Button
    go: gr.Button
    pack: gr.Button
    file: gr.DownloadButton
    done: gr.HTML
    card: gr.Accordion
    front: gr.HTML
    body: gr.Markdown


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab, and say what its buttons do."""
    parts = _laid_out()

    @told
    def offer(names: list[str]) -> dict[str, object]:
        return gr.update(choices=names, value=names[-1] if names else None)

    @told
    def suggest(key: str, chosen: str | None, who: gr.OAuthProfile | None) -> list[Any]:
        name = suggested(shared.visitors.run(key, chosen), who.username if who else None) if chosen else ""
        return [name, *_nothing_yet()]

    @told
    def show(key: str, chosen: str | None, to: str) -> tuple[str, str, dict[str, object]]:
        metadata, text = preview(shared.visitors.run(key, chosen or ""), to)
        return f"<pre>{esc(metadata)}</pre>", text, gr.update(open=True)

    @told
    def publish(
        key: str, chosen: str | None, to: str, hidden: bool, way: str, token: gr.OAuthToken | None
    ) -> str:  # fmt: skip
        folder, mine = shared.visitors.run(key, chosen or ""), token.token if token else None
        made = send(folder, to, mine, private=hidden, pr=way == _REQUEST)
        said = "Published" if made.changed else "It was there already"
        return f'<p>{said}: <a href="{esc(made.url)}" target="_blank" rel="noopener">{esc(made.url)}</a></p>'

    @told
    def zip_up(key: str, chosen: str | None) -> dict[str, object]:
        found = shared.visitors.run(key, chosen or "")
        return gr.update(value=str(zipped(found, _pack(found, chosen))), visible=True)

    @told
    def tidy(key: str, chosen: str | None) -> None:
        found = shared.visitors.run(key, chosen or "")
        _pack(found, chosen).unlink(missing_ok=True)  # Gradio hands out a copy of its own

    once_begun(page, parts.look, parts.go, parts.pack)
    visit = [page.visitor, parts.run]
    page.finished.change(offer, page.finished, parts.run, show_progress="hidden", api_visibility="private")
    shown = [parts.file, parts.done, parts.front, parts.body, parts.card]
    parts.run.change(suggest, visit, [parts.name, *shown], show_progress="hidden", api_visibility="private")
    parts.look.click(show, [*visit, parts.name], [parts.front, parts.body, parts.card], api_visibility="private")
    parts.go.click(publish, [*visit, parts.name, parts.private, parts.how], parts.done, api_visibility="private",
                   **models_in_turn())  # fmt: skip
    packed = parts.pack.click(zip_up, visit, parts.file, api_visibility="private")
    packed.success(tidy, visit, show_progress="hidden", api_visibility="private")


def _pack(run: Path, chosen: str | None) -> Path:
    """Return where a run's zip is made; `chosen` is the name of a run of the visitor's."""
    return run.parent / f"fairhub-{(chosen or '').replace(' ', '-')}.zip"


def _nothing_yet() -> list[Any]:
    """Return zip, link and card as they are before anything was made of the run that is chosen now."""
    return [gr.update(value=None, visible=False), "", "", _UNSEEN, gr.update(open=False)]


def _laid_out() -> _Parts:
    gr.Markdown(
        "A repaired model with its card: what was removed, what it brought, what it cost, and what was not shown. "
        "Publish it under your own name, or take it with you."
    )
    run = gr.Dropdown(
        [], label="Run", info="Repair a model first; its run then stands here.", interactive=True, elem_id="publish-run"
    )
    with gr.Row():
        _account()
        name = gr.Textbox(label="Name on the Hub", placeholder="you/model-fair", max_lines=1)
    with gr.Row():
        private = gr.Checkbox(False, label="Private: only you can see it", info="One that is public is refused.")
        how = gr.Radio([_COMMIT, _REQUEST], value=_COMMIT, label="How", info="A pull request waits until you merge it.")
    with gr.Row():
        look = gr.Button("Preview the card", interactive=False)
        go = gr.Button("Publish", variant="primary", interactive=False)
        pack = gr.Button("Make a zip", interactive=False)
        file = gr.DownloadButton("Download the zip", visible=False)
    done = gr.HTML("", elem_id="published")
    with gr.Accordion("The card", open=False) as card:
        front = gr.HTML("", elem_id="front-matter")
        body = gr.Markdown(_UNSEEN, elem_id="card", latex_delimiters=[], elem_classes="fh-document")
    return _Parts(run, name, private, how, look, go, pack, file, done, card, front, body)


def _account() -> None:
    """Show with which account is published: on a Space the visitor's own, who signs in."""
    if on_space():
        gr.LoginButton("Sign in with Hugging Face", logout_value="Signed in as {} (sign out)")
    else:
        gr.Markdown("With the account of `hf auth login` on this machine.")
