"""The Space put together: its tabs in order, what they share, and how it is served."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported, or it asks other hosts

if os.environ.get("SPACE_ID"):  # what strangers load is never loaded with the owner's token
    os.environ.setdefault("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")

if os.environ.get("SPACES_ZERO_GPU"):
    import spaces  # noqa: F401  (before torch, which it changes)

import gradio as gr  # noqa: E402

from fairhub.model.loading import cache  # noqa: E402
from fairhub.publish.session import stay_patient_  # noqa: E402
from fairhub.space import (  # noqa: E402
    api,
    audit_tab,
    compare_tab,
    diagnose_tab,
    gallery_tab,
    looks,
    publish_tab,
    repair_tab,
    zero,
)
from fairhub.space.environment import forget_  # noqa: E402
from fairhub.space.models import Models  # noqa: E402
from fairhub.space.own import LONGEST  # noqa: E402
from fairhub.space.running import in_a_process  # noqa: E402
from fairhub.space.shared import Page, Shared  # noqa: E402
from fairhub.space.toasts import told  # noqa: E402
from fairhub.space.unpacking import ahead  # noqa: E402
from fairhub.space.visitors import Visitors  # noqa: E402

TABS = (
    ("Audit", audit_tab.build),
    ("Diagnose", diagnose_tab.build),
    ("Repair", repair_tab.build),
    ("Compare", compare_tab.build),
    ("Publish", publish_tab.build),
    ("Gallery", gallery_tab.build),
)
"""Every tab with the function that lays it out."""
_HEAD = """<header class="fh-head"><h1>fairhub</h1><p>Does a language model go on differently when only who is spoken
of changes? See it, find the parts of the model that do it, remove them, and check on unseen prompts that it became
fairer and still works.</p></header>"""
_HOURS = 6
_ASKED = {"model": 200, "run": 200, "groups": LONGEST, "pairs": LONGEST}
"""What an address may say, in the order of `Page`, and letters of it at most."""
_SILENCE = 60  # seconds that the Hub may be silent


def build(shared: Shared) -> gr.Blocks:
    """Return the page; nothing is loaded before a visitor asks for it."""
    with gr.Blocks(title="fairhub", analytics_enabled=False, delete_cache=(3600, _HOURS * 3600)) as demo:
        visitor = gr.State("", time_to_live=_HOURS * 3600, delete_callback=lambda key: shared.visitors.expire())
        page = Page(visitor, gr.State([]), *(gr.State("") for _ in _ASKED))
        # outlives the page; Gradio seals it in the browser with what stands in the page, so that is no secret
        visit = gr.BrowserState("", storage_key="fairhub-visit", secret="fairhub")
        gr.HTML(_HEAD)
        with gr.Tabs() as tabs:
            for name, lay_out in TABS:
                with gr.Tab(name, id=name):
                    lay_out(shared, page)
        api.add(shared)

        @told
        def enter(begun: str, request: gr.Request) -> list[Any]:
            key = shared.visitors.back(begun)
            said = {name: asked(request, name, most) for name, most in _ASKED.items()}
            opened = gr.update(selected="Gallery") if said["run"] else gr.skip()
            return [key, key, list(shared.visitors.finished(key)), *said.values(), opened]

        demo.load(
            enter, visit, [visit, page.visitor, page.finished, page.model, page.run, page.groups, page.pairs, tabs],
            api_visibility="private", show_progress="hidden",
        )  # fmt: skip
    demo.space_id = None  # or Gradio heads the page of a Space with fonts and pictures of other hosts
    return demo.queue(default_concurrency_limit=1, max_size=200)


def asked(request: gr.Request, name: str, most: int) -> str:
    """Return what the page's address says of a name, as free text of so many letters at most; empty where nothing."""
    return str(request.query_params.get(name, ""))[:most].strip()


def launch(gallery: Path, models: Models | None = None) -> None:
    """Serve the Space until it is stopped."""
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")  # or a bot's pull request is loaded
    root = cache() / "space" / "visitors"
    begin = zero.begin if zero.on_zero() else in_a_process
    models = models or Models()
    ahead(models)
    demo = build(Shared(models, Visitors(root, _HOURS * 3600), gallery, begin))
    stay_patient_(_SILENCE)
    forget_()
    demo.launch(
        theme=looks.theme(), css=looks.CSS, footer_links=["api"], show_error=False, ssr_mode=False, mcp_server=True,
        max_file_size=1,  # bytes: nobody has anything to upload
        enable_monitoring=False, max_threads=64,
    )  # fmt: skip
