"""Who may do what: users, their tokens, the namespaces they write to, and the checks every route begins with."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from .errors import NO_LOGIN, HubError, repo_not_found
from .store import Repo


@dataclass(frozen=True)
class Account:
    name: str
    role: str  # of the token: "write" or "read"
    organizations: tuple[str, ...]

    def owns(self, namespace: str) -> bool:
        return namespace == self.name or namespace in self.organizations


class Accounts:
    """All users; each has a token that writes and one that only reads."""

    def __init__(self, users: Iterable[str], organizations: Mapping[str, Iterable[str]]) -> None:
        self.by_token: dict[str, Account] = {}
        for user in users:
            member_of = tuple(name for name, members in organizations.items() if user in members)
            for role in ("write", "read"):
                self.by_token[self.token(user, role)] = Account(user, role, member_of)

    def token(self, user: str, role: str = "write") -> str:
        return "hf_" + hashlib.sha256(f"{role} token of {user}, for tests".encode()).hexdigest()[:34]

    def caller(self, request: Request) -> Account | None:
        """Who asks; None without a token. A token nobody has is refused, even where none is needed."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self.by_token:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.by_token.get(token)

    def signed_in(self, request: Request) -> Account:
        caller = self.caller(request)
        if caller is None:
            raise HubError(401, NO_LOGIN)
        return caller

    def writer(self, request: Request, namespace: str) -> Account:
        caller = self.signed_in(request)
        if not caller.owns(namespace):
            raise HubError(403, f'You don\'t have the rights to write under the namespace "{namespace}"')
        if caller.role != "write":
            raise HubError(403, "Your token only reads; this needs one with the write role")
        return caller

    def may_see(self, repo: Repo, caller: Account | None) -> bool:
        return not repo.private or (caller is not None and caller.owns(repo.namespace))

    def check_gate(self, repo: Repo, caller: Account | None) -> None:
        """The files of a gated repository are for its owners and those let in; its page is for everyone."""
        if not repo.gated or (caller and (caller.owns(repo.namespace) or caller.name in repo.granted)):
            return
        message = f"Access to model {repo.id} is restricted. You must have access to it and be authenticated."
        raise HubError(403 if caller else 401, message, "GatedRepo")

    def visible(self, repo: Repo | None, caller: Account | None) -> Repo:
        if repo is None or not self.may_see(repo, caller):
            raise repo_not_found(caller is not None)
        return repo
