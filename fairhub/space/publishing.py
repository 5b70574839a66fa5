"""Publishing from a browser: who the visitor is, the card as it will look, the run as a zip; no token is kept."""

import base64
import os
import re
import zipfile
from pathlib import Path

from huggingface_hub import HfApi

from fairhub import card
from fairhub.errors import UserError
from fairhub.publish import Published, publish
from fairhub.publish.repository import account_token, refuse_name
from fairhub.report import read

_FRONT_MATTER = re.compile(r"---\n(.*?)\n---\n", re.S)
_PICTURE = re.compile(r"\]\(figures/(\w+)\.png\)")
_PACKED = (".safetensors", ".png")  # random bytes: packing them again only takes time


def on_space() -> bool:
    """Whether this is a Space on the Hub, where visitors sign in, and not somebody's own machine."""
    return os.environ.get("SYSTEM") == "spaces" and bool(os.environ.get("SPACE_ID"))


def client(visitor: str | None) -> HfApi:
    """Return a client that may do what the visitor may: never what the owner of the Space may.

    Args:
        visitor: The token they signed in with; on somebody's own machine that of `hf auth login` is taken.

    Raises:
        UserError: Nobody is signed in.
    """
    if not on_space():
        return HfApi(token=account_token(), library_name="fairhub")
    if not visitor:
        raise UserError("publishing needs an account of the Hub; nobody is signed in; sign in with Hugging Face first")
    return HfApi(token=visitor, library_name="fairhub")


def suggested(run: Path, user: str | None) -> str:
    """Return a name for the repaired model in the visitor's namespace; empty where nobody is signed in.

    It is called fair only where it was shown to be fairer on prompts that it never saw.
    """
    report = read(run / "report.json")
    base = str(report.base_model["id"]).partition("@")[0].rpartition("/")[2]
    fairer = report.verdict.startswith("Repaired")
    return f"{user}/{base}-{'fair' if fairer else 'pruned'}" if user else ""


def send(run: Path, to: str, visitor: str | None, *, private: bool, pr: bool) -> Published:
    """Publish a visitor's finished run under their own name.

    Raises:
        UserError: Nobody is signed in, the run is not finished, or the Hub did not let it through.
    """
    return publish(run, to.strip(), private=private, pr=pr, api=client(visitor), timeout=None)


def preview(run: Path, to: str) -> tuple[str, str]:
    """Return the card's metadata (YAML) and its page (Markdown) as the Hub will show them, pictures inside it.

    Raises:
        UserError: The run is not finished, or the name is none.
    """
    if to := to.strip():
        refuse_name(to)
    pictures = {path.stem: path for path in sorted((run / "figures").glob("*.png"))}
    page = card.render(read(run / "report.json"), to or None, pictures=list(pictures))
    front = _FRONT_MATTER.match(page)
    assert front, "a card opens with its metadata"
    shown = _PICTURE.sub(lambda found: f"]({_inside(pictures[found[1]])})", page[front.end() :])
    return front[1], shown


def _inside(picture: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()


def zipped(run: Path, to: Path) -> Path:
    """Pack a finished run into `to`, a zip file, without what was kept for resuming it.

    Raises:
        UserError: The run is not finished.
    """
    read(run / "report.json")
    partial = to.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as pack:
        for path in sorted(run.rglob("*")):
            name = path.relative_to(run)
            if path.is_file() and name.parts[0] != "work":
                how = zipfile.ZIP_STORED if path.suffix in _PACKED else None
                pack.write(path, Path(to.stem) / name, compress_type=how)
    partial.rename(to)
    return to
