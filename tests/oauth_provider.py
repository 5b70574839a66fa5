"""An OpenID provider on this machine: it signs in whoever comes, with the test Hub's token, as the Hub's own would."""

import secrets
import socket
import threading
import time
from base64 import b64decode
from types import TracebackType
from typing import Self

import uvicorn
from hub_server import HubServer
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "fairhub-tests", "the secret of fairhub-tests"
SCOPES = "openid profile contribute-repos"


class Provider:
    """A provider for a `with` block. `user` is who signs in next; `asked` are the scopes that were asked for."""

    def __init__(self, hub: HubServer, user: str = "ada") -> None:
        self.hub, self.user = hub, user
        self.asked: list[str] = []
        self.key = RSAKey.generate_key(2048, {"kid": "test", "alg": "RS256", "use": "sig"})
        self.codes: dict[str, tuple[str, str]] = {}
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        routes = {
            ("GET", "/.well-known/openid-configuration"): self.configuration,
            ("GET", "/oauth/authorize"): self.authorize,
            ("POST", "/oauth/token"): self.token,
            ("GET", "/jwks"): self.keys,
        }
        app = Starlette(routes=[Route(path, answer, methods=[how]) for (how, path), answer in routes.items()])
        self.uvicorn = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="critical", lifespan="off"))

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.uvicorn.run, args=([self.socket],), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.uvicorn.should_exit = True
        self.thread.join()

    def environment(self, space: str = "ada/fairhub") -> dict[str, str]:
        """What the Hub tells a Space whose page says `hf_oauth: true`."""
        return {
            "SYSTEM": "spaces", "SPACE_ID": space, "OPENID_PROVIDER_URL": self.url,
            "OAUTH_CLIENT_ID": CLIENT, "OAUTH_CLIENT_SECRET": SECRET, "OAUTH_SCOPES": SCOPES,
        }  # fmt: skip

    async def configuration(self, request: Request) -> Response:
        told = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", "response_types_supported": ["code"]}
        told |= {"authorization_endpoint": f"{self.url}/oauth/authorize", "token_endpoint": f"{self.url}/oauth/token"}
        return JSONResponse(told | {"id_token_signing_alg_values_supported": ["RS256"]})

    async def authorize(self, request: Request) -> Response:
        """Back to the Space with a code, as after a click on Authorize."""
        asked = request.query_params
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        self.asked.append(asked["scope"])
        code = secrets.token_urlsafe(16)
        self.codes[code] = (self.user, asked["nonce"])
        back = asked["redirect_uri"]
        join = "&" if "?" in back else "?"
        return RedirectResponse(f"{back}{join}code={code}&state={asked['state']}", 302)

    async def token(self, request: Request) -> Response:
        """A code, used once, for the visitor's token and a signed word on who they are."""
        sent = await request.form()
        basic = request.headers.get("authorization", "").removeprefix("Basic ")
        known = b64decode(basic).decode() == f"{CLIENT}:{SECRET}" or sent.get("client_secret") == SECRET
        if not known or sent.get("code") not in self.codes:
            return JSONResponse({"error": "invalid_grant"}, 400)
        user, nonce = self.codes.pop(str(sent["code"]))
        told = {"access_token": self.hub.token(user), "token_type": "bearer", "expires_in": 3600, "scope": SCOPES}
        return JSONResponse(told | {"id_token": self.signed(user, nonce)})

    def signed(self, user: str, nonce: str) -> str:
        page = f"{self.hub.url}/{user}"
        now = int(time.time())
        claims = {"iss": self.url, "sub": user, "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": nonce}
        claims |= {"name": user.title(), "preferred_username": user, "profile": page, "website": "", "picture": ""}
        return jwt.encode({"alg": "RS256", "kid": "test"}, claims, self.key)

    async def keys(self, request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))
