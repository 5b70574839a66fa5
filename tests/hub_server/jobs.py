"""Routes about jobs: what is submitted is kept; nothing runs."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .state import state


async def create(request: Request) -> Response:
    hub, namespace = state(request), request.path_params["owner"]
    hub.accounts.writer(request, namespace)
    asked = await request.json()
    hub.jobs.append(asked)
    owner = {"id": namespace, "name": namespace, "type": "user"}
    told = {"id": f"job{len(hub.jobs)}", "owner": owner, "status": {"stage": "SCHEDULING"}}
    return JSONResponse(told | {"dockerImage": asked["dockerImage"], "command": asked["command"]})
