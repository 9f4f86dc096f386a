"""Pages over HTTP, logs over WebSockets; sockets from other origins are refused."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from portal.startup import require_settings

require_settings()
pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402 - the consumers import models, which need set-up Django
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import path  # noqa: E402

from portal.subpath import SubPath  # noqa: E402
from replicas.stream.consumers import RunConsumer  # noqa: E402
from replicas.stream.page_consumer import PageConsumer  # noqa: E402

sockets = URLRouter([path("ws/runs/<int:run_id>/", RunConsumer.as_asgi()), path("ws/pages/", PageConsumer.as_asgi())])
application = SubPath(
    ProtocolTypeRouter({"http": pages, "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(sockets))})
)
