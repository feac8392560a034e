"""The console: GraphiQL in a browser of this machine, whose questions this process signs.

The key stays in this process. It listens on 127.0.0.1 alone and answers one browser: the one that
opened the printed address, whose token is good once. A page of another site can neither read
(no CORS) nor ask (Origin, SameSite=Strict), nor rename this host to its own (Host).
"""

from __future__ import annotations

import hmac
import html
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from client.connection import Answer, Client
from client.errors import ClientError
from client.receipt import Receipt
from service.console_assets import asset, page
from service.inquiry import Found, verify
from service.purpose import PURPOSES

HOST = "127.0.0.1"
COOKIE = "xinqiao-console"
MAX_BODY = 1_000_000
_KEPT = 500
_SECURITY: Mapping[str, str] = {
    # GraphiQL's editor sets style attributes; nothing comes from, or goes to, another host.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'"
    " 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_OPENED = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0;url=/"><title>信桥控制台</title><a href="/">继续 continue</a>
"""


class Headers(Protocol):
    """What the gate reads of a request."""

    def get(self, key: str, default: str, /) -> str: ...


@dataclass(slots=True)
class Gate:
    """Who may use the console: the browser that brought the token, which is good once."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    used: bool = False

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def address(self) -> str:
        """The address that lets one browser in."""
        return f"{self.origin}/open?token={self.token}"

    def admit(self, token: str) -> bool:
        """Whether the token is the printed one, for the first time."""
        if self.used or not hmac.compare_digest(token.encode(), self.token.encode()):
            return False
        self.used = True
        return True

    def refusal(self, method: str, headers: Headers, cookie: str) -> str | None:
        """Why a request is not the admitted browser's own; None when it is."""
        misled = self.wrong_host(headers)
        if misled is not None:
            return misled
        if not hmac.compare_digest(cookie.encode(), self.session.encode()):
            return "CONSOLE_TOKEN"
        asks = method not in ("GET", "HEAD")
        if headers.get("origin", self.origin if not asks else "") != self.origin:
            return "CONSOLE_ORIGIN"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "CONSOLE_ORIGIN"
        return None

    def wrong_host(self, headers: Headers) -> str | None:
        """CONSOLE_HOST when the browser takes this host for another one (DNS rebinding)."""
        return None if headers.get("host", "") == f"{HOST}:{self.port}" else "CONSOLE_HOST"


REFUSALS: Mapping[str, str] = {
    "CONSOLE_TOKEN": "请打开 `xinqiao console` 新打印的地址，每个地址只能用一次"
    " open the address that `xinqiao console` prints; each is good once",
    "CONSOLE_ORIGIN": "只接受控制台自己的页面 only the console's own page may ask",
    "CONSOLE_HOST": "请用打印的地址访问 use the address as printed, with its host and port",
}


@dataclass(slots=True)
class Console:
    """One person's console at one node; `public` asks what needs no identity."""

    gate: Gate
    client: Client
    public: Client
    node: str
    caller: str
    purpose: str = ""
    case: str = ""
    actor: str | None = None
    _receipts: OrderedDict[str, Answer[Any]] = field(default_factory=OrderedDict)

    def application(self) -> ASGIApp:
        """The console as an ASGI application."""
        routes = [
            Route("/", self._page),
            Route("/assets/{name}", self._asset),
            Route("/graphql", self._graphql, methods=["POST"]),
            Route("/proof", self._proof, methods=["POST"]),
        ]
        return _Guarded(self.gate, Starlette(routes=routes))

    async def _page(self, _: Request) -> Response:
        filled = {
            "NODE": self.node,
            "URL": self.client.origin,
            "CALLER": self.caller,
            "PURPOSE": self.purpose,
            "CASE": self.case,
        }
        text = page()
        for name, value in filled.items():
            text = text.replace("{{" + name + "}}", html.escape(value))
        options = [
            f'<option value="{code}">{code} {name}</option>' for code, name in PURPOSES.items()
        ]
        return HTMLResponse(text.replace("{{PURPOSES}}", "".join(options)))

    async def _asset(self, request: Request) -> Response:
        found = asset(request.path_params["name"])
        if found is None:
            return PlainTextResponse("没有 there is nothing here", 404)
        return Response(found.content, media_type=found.media)

    async def _graphql(self, request: Request) -> Response:
        content = await _content(request)
        if content is None or not isinstance(content.get("query"), str):
            return _refused(
                400,
                "CONSOLE_REQUEST",
                "请发送含 `query` 的 JSON 对象，不超过 1 MB"
                " send one JSON object with `query`, 1 MB at most",
            )
        return JSONResponse(await run_in_threadpool(self._ask, content))

    async def _proof(self, request: Request) -> Response:
        content = await _content(request)
        answer = self._receipts.get(str((content or {}).get("leaf")))
        if answer is None:
            return _refused(
                404, "CONSOLE_RECEIPT", "请重新查询 ask again: the console keeps no such receipt"
            )
        found = await run_in_threadpool(verify, self.client, answer)
        return JSONResponse(_shown(found))

    def _ask(self, content: Mapping[str, Any]) -> dict[str, Any]:
        name = content.get("operationName") or None
        # The schema is open: reading it needs neither purpose nor case, and is nobody's question.
        structural = name == "IntrospectionQuery"
        try:
            answer = (self.public if structural else self.client).query(
                str(content["query"]),
                content.get("variables") or {},
                purpose=str(content.get("purpose") or "") or None,
                case=str(content.get("case") or ""),
                actor=self.actor,
                operation_name=name,
            )
        except ClientError as problem:
            error = {"message": problem.message, "extensions": {"code": problem.code}}
            return {
                "answer": {"errors": [error]},
                "receipt": None,
                "verified": False,
                "problem": {"code": problem.code, "message": problem.message},
            }
        if answer.receipt is not None:
            # An answer may have megabytes, and its proof needs none of them.
            shown = replace(answer, data=None, errors=(), message=b"", question=None, reply=None)
            self._keep(answer.receipt, shown)
        return _shown(Found(answer, None, answer.problem))

    def _keep(self, receipt: Receipt, answer: Answer[Any]) -> None:
        self._receipts[receipt.leaf.hex()] = answer
        if len(self._receipts) > _KEPT:
            self._receipts.popitem(last=False)


class _Guarded:
    """The console behind its gate; `/open` is where the token is brought."""

    def __init__(self, gate: Gate, inside: ASGIApp) -> None:
        self._gate = gate
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = self._answer(request)
        if response is not None:
            await _Secured(response)(scope, receive, send)
        else:
            await _Secured(self._inside)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        gate = self._gate
        cookie = request.cookies.get(f"{COOKIE}-{gate.port}", "")
        if request.url.path == "/open" and request.method == "GET":
            code = gate.wrong_host(request.headers)
            admitted = code is None and gate.refusal("GET", request.headers, cookie) is None
            if code is None and not admitted:
                token = request.query_params.get("token", "")
                code = None if gate.admit(token) else "CONSOLE_TOKEN"
            if code is not None:
                return _refused(403, code, REFUSALS[code])
            # The page goes on by itself: a redirect would not carry a Strict cookie when the
            # address was followed from another page, such as a terminal in a browser.
            response = HTMLResponse(_OPENED)
            response.set_cookie(
                f"{COOKIE}-{gate.port}", gate.session, httponly=True, samesite="strict", path="/"
            )
            return response
        code = gate.refusal(request.method, request.headers, cookie)
        return None if code is None else _refused(403, code, REFUSALS[code])


class _Secured:
    """Adds the security headers to every response."""

    def __init__(self, inside: ASGIApp) -> None:
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.encode(), v.encode()) for k, v in _SECURITY.items()]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        await self._inside(scope, receive, secured)


async def _content(request: Request) -> dict[str, Any] | None:
    """The JSON object of a request; None when it is something else or too long."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return None
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            return None
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _shown(found: Found) -> dict[str, Any]:
    return found.to_json()


def _refused(status: int, code: str, message: str) -> Response:
    error = {"message": message, "extensions": {"code": code}}
    return JSONResponse({"errors": [error]}, status)
