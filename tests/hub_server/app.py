"""The application: which path leads to which route."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import discussions, downloads, jobs, references, repositories, uploads
from .errors import HubError, refused
from .state import State


class Kind(StringConvertor):
    """The kinds of repository, so that no other address is taken for one."""

    regex = "model|dataset|space"


register_url_convertor("kind", Kind())
Endpoint = Callable[[Request], Awaitable[Response]]

WHOLE: list[tuple[str, str, Endpoint]] = [
    ("GET", "/api/whoami-v2", repositories.whoami),
    ("POST", "/api/repos/create", repositories.create),
    ("DELETE", "/api/repos/delete", repositories.delete),
    ("POST", "/api/validate-yaml", repositories.check_card),
    ("GET", "/api/{kind:kind}s", downloads.models),
    ("POST", "/api/jobs/{owner}", jobs.create),
    ("PUT", "/lfs/{oid}/{signature}", uploads.lfs_put),
]
OF_A_REPO: list[tuple[str, str, Endpoint]] = [
    ("GET", "", downloads.info),
    ("GET", "/revision/{revision}", downloads.info),
    ("GET", "/tree/{revision}", downloads.tree),
    ("GET", "/tree/{revision}/{path:path}", downloads.tree),
    ("POST", "/paths-info/{revision}", downloads.paths_info),
    ("GET", "/commits/{revision}", downloads.commits),
    ("GET", "/xet-read-token/{revision}", downloads.xet_read_token),
    ("GET", "/xet-write-token/{revision}", uploads.xet_write_token),
    ("POST", "/preupload/{revision}", uploads.preupload),
    ("POST", "/commit/{revision}", uploads.commit),
    ("PUT", "/settings", repositories.settings),
    ("POST", "/user-access-request/grant", repositories.grant),
    ("GET", "/auth-check", repositories.may_read),
    ("GET", "/auth-check/write", repositories.may_write),
    ("GET", "/refs", references.refs),
    ("POST", "/branch/{branch}", references.create_branch),
    ("DELETE", "/branch/{branch}", references.delete_branch),
    ("POST", "/tag/{revision}", references.create_tag),
    ("DELETE", "/tag/{revision}", references.delete_tag),
    ("GET", "/discussions", discussions.listing),
    ("POST", "/discussions", discussions.create),
    ("GET", "/discussions/{num}", discussions.detail),
    ("POST", "/discussions/{num}/merge", discussions.merge),
    ("POST", "/discussions/{num}/status", discussions.change_status),
    ("POST", "/discussions/{num}/comment", discussions.comment),
    ("POST", "/discussions/{num}/title", discussions.rename),
]
ON_ITS_PAGE: list[tuple[str, str, Endpoint]] = [
    ("POST", "/{owner}/{name}.git/info/lfs/objects/batch", uploads.lfs_batch),
    ("GET", "/{owner}/{name}/resolve/{revision}/{path:path}", downloads.resolve),
]


def application(hub: State) -> Starlette:
    table = WHOLE + ON_ITS_PAGE
    table += [(method, "/api/{kind:kind}s/{owner}/{name}" + path, endpoint) for method, path, endpoint in OF_A_REPO]
    table += [(method, "/{kind:kind}s" + path, endpoint) for method, path, endpoint in ON_ITS_PAGE]
    routes = [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]
    app = Starlette(routes=routes, exception_handlers={HubError: refused})
    app.router.redirect_slashes = False
    app.state.hub = hub
    return app
