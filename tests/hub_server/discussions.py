"""Routes about discussions and pull requests."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import HubError
from .state import part, proposable, readable, state, writable
from .store import Discussion, Files, Repo


async def listing(request: Request) -> Response:
    repo, asked = readable(request), request.query_params
    found = [d for d in repo.discussions if asked.get("type", "all") in ("all", kind(d))]
    found = [d for d in found if asked.get("status", "all") in ("all", shown_as(d))]
    found = [d for d in reversed(found) if asked.get("author", d.author) == d.author]
    rows = [summary(repo, d) for d in found]
    return JSONResponse({"discussions": rows, "count": len(rows), "start": 0, "numClosedDiscussions": 0})


def kind(discussion: Discussion) -> str:
    return "pull_request" if discussion.is_pull_request else "discussion"


def shown_as(discussion: Discussion) -> str:
    """The Hub's filter knows two states: a draft is open, what has been merged is closed."""
    return {"draft": "open", "merged": "closed"}.get(discussion.status, discussion.status)


def summary(repo: Repo, discussion: Discussion) -> dict[str, Any]:
    about = {"num": discussion.num, "title": discussion.title, "status": discussion.status}
    about |= {"isPullRequest": discussion.is_pull_request, "createdAt": discussion.date}
    return about | {"author": {"name": discussion.author}, "repo": {"name": repo.id, "type": repo.kind}}


async def create(request: Request) -> Response:
    repo, author = proposable(request)
    asked = await request.json()
    is_pull_request = bool(asked.get("pullRequest"))
    status, base = ("draft", repo.at("main")) if is_pull_request else ("open", None)
    made = repo.open(asked["title"], author.name, status, base)
    made.say(author.name, asked["description"])
    return JSONResponse({"num": made.num, "pullRequest": made.is_pull_request})


async def detail(request: Request) -> Response:
    repo = readable(request)
    discussion = numbered(request, repo)
    told = summary(repo, discussion) | {"events": list(discussion.events)}
    if discussion.is_pull_request:
        changes = {"base": "refs/heads/main", "mergeCommitId": discussion.merge_commit}
        told |= {"changes": changes, "filesWithConflicts": conflicts(repo, discussion), "diff": diff(repo, discussion)}
        own = [commit for commit in repo.history(repo.at(discussion.ref)) if commit.oid not in past(repo, discussion)]
        told["events"] += [event(commit.oid, commit.title, commit.date, commit.author) for commit in reversed(own)]
    return JSONResponse(told)


def past(repo: Repo, discussion: Discussion) -> set[str]:
    return {commit.oid for commit in repo.history(repo.commits[discussion.base])}


def event(oid: str, title: str, date: str, author: str) -> dict[str, Any]:
    data = {"subject": title, "oid": oid}
    return {"id": oid[:24], "type": "commit", "createdAt": date, "author": {"name": author}, "data": data}


def numbered(request: Request, repo: Repo) -> Discussion:
    return repo.discussion(int(part(request, "num")))


def proposed(repo: Repo, discussion: Discussion) -> set[str]:
    """The paths that a pull request changes."""
    return different(repo.commits[discussion.base].files, repo.at(discussion.ref).files)


def different(before: Files, after: Files) -> set[str]:
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def conflicts(repo: Repo, discussion: Discussion) -> list[str]:
    main, ours = repo.at("main").files, repo.at(discussion.ref).files
    since = different(repo.commits[discussion.base].files, main)
    both = proposed(repo, discussion) & since if discussion.status != "merged" else set()
    return sorted(path for path in both if main.get(path) != ours.get(path))


def diff(repo: Repo, discussion: Discussion) -> str:
    return "".join(f"diff --git a/{path} b/{path}\n" for path in sorted(proposed(repo, discussion)))


async def merge(request: Request) -> Response:
    repo, caller = writable(request)
    discussion = numbered(request, repo)
    if discussion.status != "open":
        raise HubError(400, f"This pull request is {discussion.status}; only an open one can be merged")
    if conflicts(repo, discussion):
        raise HubError(409, "This pull request has conflicts")
    with state(request).lock:
        main, theirs = repo.at("main"), repo.at(discussion.ref).files
        files = dict(main.files)
        for path in proposed(repo, discussion):
            files.pop(path, None)
            files |= {path: theirs[path]} if path in theirs else {}
        title = f"{discussion.title} (#{discussion.num})"
        discussion.merge_commit = repo.add("refs/heads/main", main, files, title, "", caller.name).oid
    return await turn(discussion, caller.name, "merged")


async def turn(discussion: Discussion, author: str, status: str) -> Response:
    discussion.status = status
    return JSONResponse({"newStatus": discussion.tell(author, "status-change", {"status": status})})


async def change_status(request: Request) -> Response:
    repo, caller = proposable(request)
    discussion = numbered(request, repo)
    if caller.name != discussion.author:
        writable(request)
    asked = await request.json()
    if asked.get("comment"):
        discussion.say(caller.name, asked["comment"])
    return await turn(discussion, caller.name, asked["status"])


async def comment(request: Request) -> Response:
    repo, caller = proposable(request)
    said = numbered(request, repo).say(caller.name, (await request.json())["comment"])
    return JSONResponse({"newMessage": said})


async def rename(request: Request) -> Response:
    repo, caller = proposable(request)
    discussion = numbered(request, repo)
    before, discussion.title = discussion.title, (await request.json())["title"]
    told = discussion.tell(caller.name, "title-change", {"from": before, "to": discussion.title})
    return JSONResponse({"newTitle": told})
