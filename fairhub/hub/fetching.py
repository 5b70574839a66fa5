"""Downloads a published run: its recipe and report, and with them the weights where they are wanted."""

from pathlib import Path

from huggingface_hub import HfApi

from fairhub.errors import UserError
from fairhub.hub.trouble import explained

_RECORDS = ["fairhub/*.json", "README.md"]
_WEIGHTS = ["*.safetensors", "*.safetensors.index.json"]


def fetch(source: str, *, weights: bool, api: HfApi | None = None) -> Path:
    """Return a folder that holds a published run: `fairhub/recipe.json`, `fairhub/report.json` and the weights.

    Args:
        source: `org/name`, `org/name@revision`, or the folder of a download or of a run.
        weights: Whether the published weights are wanted too.
        api: A client of its own; else that of the environment.

    Raises:
        UserError: Nothing of that name is there, or it is not a run of fairhub.
    """
    folder = Path(source)
    if not folder.is_dir():
        if source.startswith(("/", ".", "~")):
            raise UserError(f"a folder must exist; {source!r} does not; give a folder or a Hub id 'org/name'")
        repo, _, revision = source.partition("@")
        with explained(repo, "downloading", "try the same again; what has come is kept"):
            patterns = [*_RECORDS, *(_WEIGHTS if weights else [])]
            folder = Path((api or HfApi()).snapshot_download(repo, revision=revision or None, allow_patterns=patterns))
    if not any((folder / part / "recipe.json").is_file() for part in ("fairhub", ".")):
        raise UserError(f"a model published by fairhub has fairhub/recipe.json; {source} has none; name another")
    return folder
