"""Routes about accounts and whole repositories: who am I, create, delete, settings, access, a card's check."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import card
from .errors import HubError
from .state import opened, state, writable


async def whoami(request: Request) -> Response:
    caller = state(request).accounts.signed_in(request)
    orgs = [{"type": "org", "name": name, "fullname": name, "roleInOrg": "admin"} for name in caller.organizations]
    token = {"type": "access_token", "accessToken": {"displayName": "test", "role": caller.role}}
    known = {"type": "user", "id": caller.name, "name": caller.name, "fullname": caller.name.title(), "isPro": False}
    avatar = f"{state(request).url}/avatars/{caller.name}.svg"
    return JSONResponse(known | {"avatarUrl": avatar, "orgs": orgs, "auth": token})


async def create(request: Request) -> Response:
    hub, asked = state(request), await request.json()
    namespace = asked.get("organization") or hub.accounts.signed_in(request).name
    caller = hub.accounts.writer(request, namespace)
    kind, id = asked.get("type") or "model", f"{namespace}/{asked['name']}"
    answer = {"url": f"{hub.url}/{id if kind == 'model' else f'{kind}s/{id}'}", "name": id}
    if (kind, id) in hub.repos:
        raise HubError(409, f"You already created this {kind} repo: {id}", body=answer | {"error": "It exists"})
    hub.create(kind, id, caller.name, private=is_private(asked) or False)
    return JSONResponse(answer)


async def delete(request: Request) -> Response:
    hub, asked = state(request), await request.json()
    caller = hub.accounts.signed_in(request)
    kind, id = asked.get("type") or "model", f"{asked.get('organization') or caller.name}/{asked['name']}"
    repo = hub.accounts.visible(hub.repos.get((kind, id)), caller)
    hub.accounts.writer(request, repo.namespace)
    del hub.repos[kind, id]
    return Response()


async def settings(request: Request) -> Response:
    repo, _ = writable(request)
    asked = await request.json()
    private = is_private(asked)
    repo.private = repo.private if private is None else private
    repo.gated = asked.get("gated", repo.gated)
    return JSONResponse({"private": repo.private, "gated": repo.gated})


async def grant(request: Request) -> Response:
    """Let a user into a gated repository."""
    repo, _ = writable(request)
    repo.granted.add((await request.json())["user"])
    return JSONResponse({})


def is_private(asked: dict[str, object]) -> bool | None:
    if "visibility" in asked:
        return asked["visibility"] == "private"
    return bool(asked["private"]) if "private" in asked else None


async def may_read(request: Request) -> Response:
    opened(request)
    return JSONResponse({})


async def may_write(request: Request) -> Response:
    writable(request)
    return JSONResponse({})


async def check_card(request: Request) -> Response:
    wrong, missing = card.problems((await request.json())["content"])
    answer = {"errors": [{"message": text} for text in wrong], "warnings": [{"message": text} for text in missing]}
    return JSONResponse(answer, 400 if wrong else 200)
