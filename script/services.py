"""Private PostgreSQL and Redis servers: for tests, gone afterwards, and nobody else's business.

As a program: `python -m script.services COMMAND...` runs the command with DATABASE_URL and REDIS_URL naming new ones.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
import redis

from script.processes import die_with_parent, free_port

START_SECONDS = 30.0
POSTGRESQL = {
    "fsync": "off",  # what a killed server has written, the kernel still has
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "autovacuum_naptime": "10min",
}


def missing() -> str | None:
    """One sentence about what is not installed here, or None."""
    absent = [name for name, found in (("PostgreSQL", _initdb()), ("Redis", shutil.which("redis-server"))) if not found]
    return f"Not installed on this machine: {' and '.join(absent)}." if absent else None


class Server:
    """A server process with a folder of its own; it ends with this process, however that ends."""

    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: PLW1509  the function only calls prctl
                self._command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(self.stop_signal),
                **_unprivileged(),
            )
        self._wait()

    def stop(self, number: int | None = None) -> None:
        """Ask it to end, or send it another signal (SIGKILL: a crash)."""
        if self._process is not None:
            self._process.send_signal(number or self.stop_signal)
            self._process.wait(START_SECONDS)
            self._process = None

    def restart(self, pause: float = 0.0) -> None:
        self.stop()
        time.sleep(pause)
        self.start()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise SystemExit(f"{self._command()[0]} does not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError


class PostgreSQL(Server):
    """A cluster of its own on the loopback interface; data survive `restart`, but not the folder."""

    stop_signal = signal.SIGINT  # «fast»: does not wait for its clients

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.password = os.urandom(12).hex()
        secret = folder / "password"
        secret.write_text(self.password)
        _give(folder, secret)
        initdb = [str(_initdb()), "--pgdata", str(folder / "data"), "--username", "portal", "--pwfile", str(secret)]
        options = ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        subprocess.run([*initdb, *options], check=True, stdout=subprocess.DEVNULL, cwd=folder, **_unprivileged())

    @property
    def url(self) -> str:
        return f"postgresql://portal:{self.password}@127.0.0.1:{self.port}/postgres"

    def _command(self) -> list[str]:
        settings = POSTGRESQL | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(_initdb().with_name("postgres")), "-D", str(self.folder / "data"), *words]  # type: ignore[union-attr]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class Redis(Server):
    """Keeps nothing on disk: after a restart its queue is empty, the worst that a restart can do."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.password = os.urandom(12).hex()
        (folder / "redis.conf").write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\nsave ""\nappendonly no\ndir {folder}\n'
        )
        _give(folder, folder / "redis.conf")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        return ["redis-server", str(self.folder / "redis.conf")]

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@contextmanager
def running(*kinds: Callable[[Path], Server]) -> Iterator[list[Server]]:
    """New servers of these kinds, in folders of theirs that are removed afterwards."""
    with ExitStack() as stack:
        servers = []
        for kind in kinds:
            # The path of a socket has 107 bytes at most, and the server's account must be able to reach it.
            temporary = tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(temporary))
            _give(folder)
            servers.append(stack.enter_context(kind(folder)))
        yield servers


def _unprivileged() -> dict[str, Any]:
    """For subprocess: as whom a server runs. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = _account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _account() -> pwd.struct_passwd:
    names = {account.pw_name: account for account in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _give(*paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, _account().pw_uid, _account().pw_gid)
            path.chmod(0o700 if path.is_dir() else 0o600)


def _initdb() -> Path | None:
    """Debian keeps the programs of each release apart, and off the PATH."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = shutil.which("initdb")
    return packaged[-1] if packaged else Path(found) if found else None


def main() -> int:
    with running(PostgreSQL, Redis) as (database, queue):
        urls = {"DATABASE_URL": database.url, "REDIS_URL": queue.url}  # type: ignore[attr-defined]
        # The portal takes both out of its environment; tests that start it again find them under another name.
        again = {f"TEST_{name}": url for name, url in urls.items()}
        return subprocess.run(sys.argv[1:], env=os.environ | urls | again, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
