"""Malformed models, tokenizers, files, options and folders through the command line: none may end in a traceback, hang,
be taken for good or cost a file. `python tests/bad_inputs.py` runs all and counts; more cases go into the tables."""

import hashlib
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # this checkout's fairhub, whichever is installed

SECONDS = 60
MEMORY = 12 << 30
"""Bytes of address space of a case: one that would take the machine's memory fails in its own."""


@dataclass(frozen=True)
class Place:
    """Where a case makes its files, and a good model and text that it may copy."""

    folder: Path
    model: Path
    text: Path


@dataclass(frozen=True)
class Case:
    """One input."""

    name: str
    make: Callable[[Place], Sequence[object]]
    """Makes what it needs in the place's folder; returns the words of the command line."""
    good: bool = False
    """Whether it is unusual but right: it must be taken."""
    quick: bool = False
    """Whether it runs in the default tests."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case: "" where it is as it should be, or a kind of fault."""

    case: Case
    fault: str
    code: int | None
    seconds: float
    said: str


class Taken(BaseException):
    """Ends a brief run where measuring begins: the input was taken."""


def run(case: Case, model: Path, text: Path, brief: bool = False) -> Outcome:
    """Run a case in a process of its own, in a folder of its own; a brief run measures nothing."""
    with tempfile.TemporaryDirectory(prefix="case-") as name:
        place = Place(Path(name) / "here", model, text)
        place.folder.mkdir()
        words = [str(word) for word in case.make(place)]
        before, begun = _files(place), time.monotonic()
        code = _ended(_forked(words, place.folder, Path(name), brief))
        took = time.monotonic() - begun
        out, err = ((Path(name) / file).read_text(errors="replace") for file in ("out", "err"))
        lost = [path for path, sha in before.items() if _files(place).get(path) != sha]
        return Outcome(case, _fault(case, code, out, err, lost), code, took, err.strip() or out.strip()[:300])


def _fault(case: Case, code: int | None, out: str, err: str, lost: Sequence[str]) -> str:
    if code is None:
        return "hang"
    if lost:
        return f"file lost: {lost[0]}"
    if "Traceback" in err or code not in (0, 2):
        return "traceback"
    if case.good:
        return "wrongly refused" if code else ""
    if code == 0:
        return "wrongly accepted"
    lines = re.findall(r"fairhub: .*", err)
    usage = "Usage:" in err or "Usage:" in out
    if not usage and (
        len(lines) != 1 or out.strip() or not err.isprintable() and re.search(r"\x1b\[(?!K|A)", lines[0])
    ):
        return "not one line"
    return ""


def _forked(words: Sequence[str], cwd: Path, streams: Path, brief: bool) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(streams / name, os.O_WRONLY | os.O_CREAT), number)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.chdir(cwd)
        code = _called(words, brief)
    except BaseException:  # noqa: B902 - a child must end here, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _called(words: Sequence[str], brief: bool) -> int:
    import fairhub.pipeline
    from fairhub.__main__ import main

    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
    init = fairhub.pipeline.Request.__init__
    fairhub.pipeline.Request.__init__ = lambda self, *a, **k: init(self, *a, **k | {"sizes": _small()})
    if brief:
        fairhub.pipeline.Prover = _taken
    sys.argv = ["fairhub", *words]
    try:
        main()
    except Taken:
        return 0
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def _taken(*_: object) -> None:
    raise Taken


def _small() -> object:
    from fairhub.inputs.sizes import Sizes

    return Sizes(
        held_out=24, external=24, control=24, search=16, select=16, held_out_tokens=1024, search_tokens=1024,
        select_tokens=1024,
    )  # fmt: skip


def _ended(child: int) -> int | None:
    """Return the exit status of a process; None where it had to be ended."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _files(place: Place) -> dict[str, str]:
    found = {}
    for path in sorted(p for folder in (place.folder, place.model) for p in folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 28 and os.access(path, os.R_OK):
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def cases() -> list[Case]:
    """Return all cases; each table is a module of its own."""
    import bad_configs
    import bad_files
    import bad_folders
    import bad_options
    import bad_tokenizers

    return [
        case for table in (bad_configs, bad_folders, bad_tokenizers, bad_files, bad_options) for case in table.CASES
    ]


def good_model(folder: Path) -> tuple[Path, Path]:
    """Write a good model and text for cases to copy; what every case imports is imported once, before they fork."""
    import planted

    import fairhub.__main__
    import fairhub.cost.plan
    import fairhub.measure.benchmarks.suite
    import fairhub.measure.names.audit
    import fairhub.pipeline
    import fairhub.studies.compare.command
    import fairhub.studies.diagnose.command
    import fairhub.studies.transfer.command  # noqa: F401

    return planted.save(planted.planted_model(), folder / "good"), planted.write_text(folder / "good.txt")


def alone() -> None:
    """Keep this process and its children off the network and to one thread: a fork has only one."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}


def main(patterns: Iterable[str]) -> int:
    """Run the cases whose names hold one of the patterns, say what was wrong, count, and return the exit code."""
    alone()
    wanted = [case for case in cases() if not patterns or any(part in case.name for part in patterns)]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="bad-inputs-") as name:
        model, text = good_model(Path(name))
        for case in wanted:
            found = run(case, model, text)
            counts[found.fault.split(":")[0]] += 1
            shown = found.fault or "ok"
            print(f"{found.seconds:6.1f} s  {shown:<17} {case.name}", flush=True)
            if found.fault or patterns:
                print("          " + found.said[-1200:].replace("\n", "\n          "))
    kinds = ("traceback", "hang", "wrongly accepted", "wrongly refused", "not one line", "file lost")
    print(f"{len(wanted)} inputs: " + ", ".join(f"{kind} {counts[kind]}" for kind in kinds))
    return int(any(counts[kind] for kind in kinds))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
