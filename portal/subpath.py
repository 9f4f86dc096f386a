"""A portal below the root of its host, as in https://tools.example.com/portal/."""

from __future__ import annotations

from typing import Any

from django.conf import settings


class SubPath:
    """Put every request and socket below the path of PORTAL_URL, whether a proxy has removed that path or not.

    Django and channels both expect the whole path, and the part of it that is not theirs in `root_path`.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        root = settings.PUBLIC_PATH
        if root and scope["type"] == "http" and scope["path"] == root:
            await _redirect(f"{root}/", send)
            return
        if root and scope["type"] in ("http", "websocket"):
            scope = scope | {"path": place(scope["path"], root, scope.get("root_path", "")), "root_path": root}
        await self.application(scope, receive, send)


async def _redirect(path: str, send: Any) -> None:
    """Cookies are for the path with its slash: without it nobody is signed in."""
    headers = [(b"location", path.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def place(path: str, root: str, mounted: str = "") -> str:
    """Return the whole path. `mounted` is what `uvicorn --root-path` has put in front of it."""
    if mounted:
        path = f"/{path.removeprefix(mounted).lstrip('/')}"
    return path if path.startswith(f"{root}/") else f"{root}/" if path == root else f"{root}{path}"
