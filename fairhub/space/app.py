"""The Space put together: its tabs in order, what they share, and how it is served."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported, or it asks other hosts

import gradio as gr  # noqa: E402

from fairhub.space import compare_tab, diagnose_tab, gallery_tab, looks, repair_tab  # noqa: E402
from fairhub.space.models import Models  # noqa: E402
from fairhub.space.shared import Page, Shared  # noqa: E402
from fairhub.space.visitors import Visitors  # noqa: E402

TABS = (
    ("Diagnose", diagnose_tab.build),
    ("Repair", repair_tab.build),
    ("Compare", compare_tab.build),
    ("Gallery", gallery_tab.build),
)
"""Every tab with the function that lays it out."""
_HEAD = """<header class="fh-head"><h1>fairhub</h1><p>Does a language model go on differently when only who is spoken
of changes? See it, find the parts of the model that do it, remove them, and check on unseen prompts that it became
fairer and still works.</p></header>"""
_HOURS = 6


def build(shared: Shared) -> gr.Blocks:
    """Return the page; nothing is loaded before a visitor asks for it."""
    with gr.Blocks(title="fairhub", analytics_enabled=False, delete_cache=(3600, _HOURS * 3600)) as demo:
        page = Page(
            gr.State("", time_to_live=_HOURS * 3600, delete_callback=lambda key: shared.visitors.forget(key)),
            gr.State([]),
        )
        gr.HTML(_HEAD)
        with gr.Tabs():
            for name, lay_out in TABS:
                with gr.Tab(name):
                    lay_out(shared, page)
        demo.load(lambda: shared.visitors.new(), None, page.visitor, api_visibility="private", show_progress="hidden")
    return demo.queue(default_concurrency_limit=1, max_size=40)


def launch(gallery: Path, models: Models | None = None) -> None:
    """Serve the Space until it is stopped."""
    root = Path(tempfile.gettempdir()) / "fairhub-visitors"
    demo = build(Shared(models or Models(), Visitors(root, _HOURS * 3600), gallery))
    demo.launch(theme=looks.theme(), css=looks.CSS, footer_links=["api"], show_error=False, ssr_mode=False)
