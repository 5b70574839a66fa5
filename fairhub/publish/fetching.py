"""Downloads a published run: its recipe and report, and with them the model where it is wanted."""

import glob
from contextlib import suppress
from pathlib import Path

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import OfflineModeIsEnabled

from fairhub.errors import UserError, plain
from fairhub.publish.names import MODEL, is_ours, is_weights, refuse_names
from fairhub.publish.trouble import explained

_RECORDS = ["fairhub/*.json", "fairhub/*.npz", "fairhub/*.whl", "README.md"]


def fetch(source: str, *, weights: bool, api: HfApi | None = None) -> Path:
    """Return a folder that holds a published run: `fairhub/recipe.json`, `fairhub/report.json` and the model.

    Args:
        source: `org/name`, `org/name@revision`, or the folder of a download or of a run.
        weights: Whether the published model is wanted too.
        api: A client of its own; else that of the environment.

    Raises:
        UserError: Nothing of that name is there, it is not a run of fairhub, or it has weights that are pickles.
    """
    folder = Path(source)
    if not folder.is_dir():
        if source.startswith(("/", ".", "~")):
            raise UserError(f"a folder must exist; {source!r} does not; give a folder or a Hub id 'org/name'")
        folder = _downloaded(api or HfApi(), *source.partition("@")[::2], weights)
    if not any((folder / part / "recipe.json").is_file() for part in ("fairhub", ".")):
        raise UserError(f"a model published by fairhub has fairhub/recipe.json; {plain(source)} has none; name another")
    return folder


def _downloaded(api: HfApi, repo: str, revision: str, weights: bool) -> Path:
    """Return the snapshot of one commit; where the Hub is out of reach, of what was downloaded before."""
    with explained(repo, "downloading", "try the same again; what has come is kept"):
        patterns, commit = [*_RECORDS, *MODEL, "model*.safetensors"], revision or None
        with suppress(OfflineModeIsEnabled, httpx2.TransportError):
            info = api.model_info(repo, revision=commit)
            names = [file.rfilename for file in info.siblings or ()]
            refuse_names(names if weights else (), repo)
            patterns, commit = [glob.escape(name) for name in names if is_ours(name)], info.sha
        if not weights:
            patterns = [name for name in patterns if name not in MODEL and not is_weights(name)]
        return Path(api.snapshot_download(repo, revision=commit, allow_patterns=patterns))
