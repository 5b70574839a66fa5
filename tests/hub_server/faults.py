"""What goes wrong on demand, and what was asked: faults, and the log of requests."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Logged(NamedTuple):
    method: str
    path: str  # unquoted, with the query; never a header, so never a token
    status: int  # 0 where the connection was dropped before an answer


@dataclass
class Fault:
    """One thing that goes wrong; `left` says how often still."""

    method: str
    path: str
    status: int | None
    left: int
    delay: float
    drop: bool
    cut: int | None
    after: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None  # JSON with an error, where it is not said

    def hits(self, method: str, path: str) -> bool:
        return self.left > 0 and bool(re.fullmatch(self.method, method) and re.search(self.path, path))


class Watch:
    """Around the application: writes the log and makes requests fail."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.faults: list[Fault] = []
        self.log: list[Logged] = []
        self.broken: list[Exception] = []  # errors of the server itself, which no test may overlook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        path = shown(scope)
        fault = next((fault for fault in self.faults if fault.hits(scope["method"], path)), None)
        try:
            await (self.fail(fault, scope, receive, told, send) if fault else self.app(as_sent(scope), receive, told))
        except ClientDisconnect:  # it gave up waiting; that is its right
            pass
        except Exception as error:
            self.broken.append(error)
        finally:
            self.log.append(Logged(scope["method"], path, status))

    async def fail(self, fault: Fault, scope: Scope, receive: Receive, told: Send, connection: Send) -> None:
        fault.left -= 1
        await asyncio.sleep(fault.delay)
        if fault.after:
            await self.app(as_sent(scope), receive, nowhere)
        if fault.drop:
            await drop(connection)
        elif fault.status:
            body = {"error": f"Fault made by a test: {fault.status}"}
            page = HTMLResponse(fault.body, fault.status, fault.headers) if fault.body is not None else None
            await (page or JSONResponse(body, fault.status, fault.headers))(scope, receive, told)
        elif fault.cut is not None:
            await self.app(as_sent(scope), receive, Cut(told, connection, fault.cut))
        elif not fault.after:
            await self.app(as_sent(scope), receive, told)


class Cut:
    """Sends so many bytes of an answer and drops the connection."""

    def __init__(self, send: Send, connection: Send, left: int) -> None:
        self.send, self.connection, self.left = send, connection, left

    async def __call__(self, message: Message) -> None:
        if self.left < 0:
            return
        body = message.get("body", b"")
        if len(body) <= self.left:
            self.left -= len(body)
            return await self.send(message)
        await self.send({**message, "body": body[: self.left], "more_body": True})
        self.left = -1
        await drop(self.connection, abruptly=False)


async def drop(send: Any, abruptly: bool = True) -> None:
    """Close the connection. uvicorn has no call for this, but its `send` belongs to what holds the socket."""
    transport = send.__self__.transport
    transport.abort() if abruptly else transport.close()
    while not send.__self__.disconnected:
        await asyncio.sleep(0.001)


async def nowhere(message: Message) -> None:
    """The answer is lost."""


def as_sent(scope: Scope) -> Scope:
    """Routes are matched on the path as sent: `refs%2Fpr%2F1` is one part of it."""
    return {**scope, "path": scope["raw_path"].decode("ascii")}


def shown(scope: Scope) -> str:
    query = scope["query_string"].decode("ascii")
    return unquote(scope["raw_path"].decode("ascii") + (f"?{query}" if query else ""))
