"""Files that a step puts on a host: many in one go."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replicas.clients.ssh import Host


@dataclass(frozen=True, slots=True)
class Placed:
    """A file, its content, and who may read it."""

    path: str
    content: str | bytes
    mode: int = 0o644
    owner: str = "root:root"

    def payload(self) -> dict[str, str | int]:
        data = self.content.encode() if isinstance(self.content, str) else self.content
        return {
            "path": self.path, "mode": self.mode, "owner": self.owner, "content": base64.b64encode(data).decode(),
        }


async def put(host: Host, *files: Placed) -> None:
    """Write them all atomically, one by one, making folders that are missing. Raises StepError for a full disk."""
    await host.python("native_put", {"files": [file.payload() for file in files]})
