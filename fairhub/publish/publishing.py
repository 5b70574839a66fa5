"""Publishes a run: everything in one commit, or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from fairhub.errors import UserError
from fairhub.publish.checking import checked
from fairhub.publish.contents import Contents, contents
from fairhub.publish.names import is_model, is_ours, is_weights, refuse_names
from fairhub.publish.repository import account_token, head, refuse_name
from fairhub.publish.script import refuse_tag
from fairhub.publish.session import patient
from fairhub.publish.trouble import explained
from fairhub.report import Report
from fairhub.report.wording import named

_AGAIN = "nothing was published; try the same again, what was already sent is not sent twice"
_TAG_AGAIN = "the commit is published, its tag is not; try the same again"


@dataclass(frozen=True)
class Published:
    """What came of a publish."""

    url: str
    """Of the repository, or of the pull request."""
    commit: str | None
    """None where nothing was sent (a dry run)."""
    changed: bool
    """False where the repository already held all of it, and after a dry run."""


def publish(
    run: Path, to: str, *, private: bool = False, pr: bool = False, tag: str | None = None, dry_run: bool = False,
    weights: bool = True, api: HfApi | None = None, timeout: float | None = 120,
    show: Callable[[str], None] = lambda line: None,
) -> Published:  # fmt: skip
    """Publish a finished run as a model on the Hub, in one atomic commit.

    Args:
        run: The run folder.
        to: `org/name`; made if it is not there.
        private: Make it private; a repository that is public already is refused.
        pr: Open a pull request instead of committing; works for repositories of others.
        tag: Tag the commit, such as `v1`.
        dry_run: Check and show everything, send nothing; needs no network.
        weights: False publishes card, report, recipe and script only.
        api: A client with its own token, such as that of a visitor of the Space; else the account of `hf auth login`
            or of the environment.
        timeout: Seconds that the Hub may be silent; None leaves it to the process (`session.stay_patient_`).
        show: Gets what will be uploaded, before it is.

    Raises:
        UserError: The run is not publishable, or the Hub or the network did not let it through.
    """
    refuse_name(to)
    refuse_tag(tag)
    if pr and tag:
        raise UserError("a pull request is tagged once it is merged; got both --pr and --tag; leave one out")
    if timeout is not None and not timeout > 0:
        raise UserError(f"a time-out must be positive; got {timeout:g}; mend --timeout")
    api = api or HfApi(token=None if dry_run else account_token(), library_name="fairhub")
    report, recipe = checked(run)
    files = contents(run, report, recipe, to, weights=weights, tag=tag, endpoint=api.endpoint)
    show(f"{'would publish' if dry_run else 'publishing'} {to}:\n{files}")
    if dry_run:
        return Published(f"{api.endpoint}/{to}", None, False)
    with patient(timeout), explained(to, "publishing", _AGAIN):
        published = _commit(api, files, to, private, pr, report, weights)
    if tag and published.commit:
        with patient(timeout), explained(to, "publishing", _TAG_AGAIN):
            _tag(api, to, tag, published.commit)
    return published


def _commit(
    api: HfApi, files: Contents, to: str, private: bool, pr: bool, report: Report, weights: bool
) -> Published:  # fmt: skip
    """Commit all files at once; what an earlier publish left and this one has not goes in the same commit."""
    parent = head(api, to, private=private, make=not pr)
    title = f"Repaired by fairhub {report.fairhub} ({named(report)}, {files.digest})"
    if pr and (there := _open(api, to, title)):
        return Published(there, None, False)
    stale = _stale(api.list_repo_files(to, revision=parent), files, to, weights)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationDelete(name) for name in stale),
        *(
            CommitOperationAdd(name, source if isinstance(source, bytes) else str(source))
            for name, source in files.files.items()
        ),
    ]
    made = api.create_commit(
        to, operations, parent_commit=None if pr else parent, create_pr=pr,
        commit_message=title, commit_description=report.verdict,
    )  # fmt: skip
    url = made.pr_url or f"{api.endpoint}/{to}"
    return Published(url, made.oid, made.oid != parent)


def _stale(there: Sequence[str], files: Contents, to: str, weights: bool) -> list[str]:
    """Return what lies in a repository, is ours by its name, and is not published this time; the rest is its owner's.

    Raises:
        UserError: It holds what loaders would read beside the model, or weights that fairhub did not publish.
    """
    refuse_names(there if weights else (), to)
    known = "fairhub/recipe.json" in there
    if not weights and not known and (foreign := [name for name in there if is_weights(name)]):
        raise UserError(
            f"--recipe-only says that there are no weights; {to} has {foreign[0]}, which fairhub did not publish; "
            "choose another name"
        )
    gone = [name for name in there if name not in files.files and is_ours(name)]
    return sorted(name for name in gone if known or is_model(name))


def _open(api: HfApi, to: str, title: str) -> str | None:
    """Return the address of an open pull request with these very contents: it is not opened twice."""
    found = api.get_repo_discussions(to, discussion_type="pull_request", discussion_status="open")
    return next((one.url for one in found if one.title == title), None)


def _tag(api: HfApi, to: str, tag: str, commit: str) -> None:
    """Tag the commit; a tag that is there already must be on it."""
    known = {ref.name: ref.target_commit for ref in api.list_repo_refs(to).tags}
    if known.get(tag, commit) != commit:
        raise UserError(f"a tag stays where it is; {to} has {tag} on another commit; choose a new --tag")
    if tag not in known:
        api.create_tag(to, tag=tag, revision=commit)
