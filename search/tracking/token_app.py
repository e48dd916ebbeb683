"""MLflow's pages for those who know the token: every user of a machine reaches what listens on its loopback.

MLflow's server loads `app` by its name among the entry points `mlflow.app`. The link that `bitfront ui`
prints holds the token; the first answer to it is a cookie, so that the pages' own requests have it too.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

TOKEN = "BITFRONT_UI_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable that hands the token to the server: arguments are everybody's to read."""
PARAMETER = "token"

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_Pages = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class TokenApp:
    """An ASGI application that asks for a token before another one answers.

    Args:
        pages: what is protected.
        token: what a request must give, in its query or in the cookie.
    """

    def __init__(self, pages: _Pages, token: str) -> None:
        assert token, "no token would let everybody in"
        self._pages, self._token = pages, token.encode()

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer a request; without the token, 403."""
        if scope["type"] == "lifespan":
            await self._pages(scope, receive, send)
            return
        name = f"bitfront-{(scope.get('server') or ('', 0))[1]}"
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        given = dict(query).get(PARAMETER, "")
        if self._is_token(given) and scope["type"] == "http":
            rest = urlencode([(key, value) for key, value in query if key != PARAMETER])
            place = f"/{scope['path'].lstrip('/')}" + (f"?{rest}" if rest else "")
            # Lax: a link from elsewhere may lead here, nothing else from elsewhere has the cookie
            cookie = f"{name}={given}; Path=/; HttpOnly; SameSite=Lax"
            await _answer(send, 303, b"", [("location", place), ("set-cookie", cookie)])
        elif self._is_token(_cookie(scope, name)):
            await self._pages(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _answer(
                send, 403, b"Open the link that `bitfront ui` printed: it has the token in it.\n", []
            )

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token)


def _cookie(scope: _Message, name: str) -> str:
    for key, value in scope.get("headers", ()):
        if key == b"cookie":
            for one in value.decode("latin-1").split(";"):
                found, _, content = one.strip().partition("=")
                if found == name:
                    return str(content)
    return ""


async def _answer(send: _Send, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
    lines = [("content-type", "text/plain; charset=utf-8"), ("referrer-policy", "no-referrer"), *headers]
    raw = [(key.encode(), value.encode("latin-1", "replace")) for key, value in lines]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def app() -> TokenApp:
    """Return MLflow's own application behind the token that the environment names."""
    from mlflow.server.fastapi_app import app as pages

    return TokenApp(pages, os.environ[TOKEN])
