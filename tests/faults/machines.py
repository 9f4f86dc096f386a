"""The portal on several hosts, installed and started as docs/many-machines.md says."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from lab import Host, Lab, paths
from script.processes import ROOT

SERVERS = ("postgresql", "redis-server")
PARTS = ("manage.py", "portal", "replicas", "templates", "static", "deploy")
HOME = "opt/portal"
PORT = 8000


def libraries() -> Path:
    """What requirements.txt asks for, installed once into a folder for every host's virtual environment."""
    wanted = (ROOT / "requirements.txt").read_bytes()
    target = paths.cache() / f"libraries-{hashlib.sha256(wanted).hexdigest()[:12]}"
    if not target.exists():
        draft = target.with_name(f"{target.name}.{os.getpid()}.draft")
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            str(draft),
        ]
        subprocess.run([*pip, "-r", str(ROOT / "requirements.txt")], check=True)
        draft.rename(target)
    return target


class Machines:
    """One host with PostgreSQL and Redis; web servers and workers on others, with the same settings everywhere."""

    def __init__(self, lab: Lab, web: int, workers: int) -> None:
        self.lab = lab
        names = [*(f"web{n}" for n in range(1, web + 1)), *(f"worker{n}" for n in range(1, workers + 1))]
        self.database = lab.bare("db", 100, SERVERS)
        self.hosts = {name: lab.bare(name, number) for number, name in enumerate(names, start=101)}
        self.passwords = {name: secrets.token_urlsafe(16) for name in ("database", "redis")}
        self._serve_database()
        for host in self.hosts.values():
            self._install(host)

    def url(self, name: str) -> str:
        return f"http://{self.hosts[name].address}:{PORT}"

    def manage(self, name: str, *words: str) -> str:
        return self.hosts[name].run(["/opt/portal/deploy/portal-manage", *words]).stdout.decode()

    def start(self) -> None:
        """The database first, and then everything at once."""
        self.hosts["web1"].run(["systemctl", "start", "portal-migrate"])
        for name, host in self.hosts.items():
            host.run(["systemctl", "enable", "--now", "portal-web" if name.startswith("web") else "portal-worker"])

    def journals(self) -> str:
        return "\n".join(host.run(["journalctl", "--no-pager"]).stdout.decode() for host in self._running)

    @property
    def _running(self) -> list[Host]:
        return [host for host in (self.database, *self.hosts.values()) if host.running]

    @cached_property
    def settings(self) -> Mapping[str, str]:
        address = self.database.address
        return {
            "PORTAL_DATA_DIR": "/var/lib/portal",
            "DATABASE_URL": f"postgresql://portal:{self.passwords['database']}@{address}/portal",
            "REDIS_URL": f"redis://:{self.passwords['redis']}@{address}/0",
            "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
            "PORTAL_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            "PORTAL_SSH_KEY_FILE": "/var/lib/portal/ssh/id_ed25519",
            "PORTAL_ALLOWED_HOSTS": ",".join(str(host.address) for host in self.hosts.values()),
            "PORTAL_BIND": "0.0.0.0",  # noqa: S104 - the lab's own network
        }

    def _serve_database(self) -> None:
        host, network = self.database, self.lab.network.subnet
        host.write("/etc/postgresql/15/main/conf.d/portal.conf", "listen_addresses = '*'\n")
        access = f"host portal portal {network} scram-sha-256\n"
        host.run(["tee", "--append", "/etc/postgresql/15/main/pg_hba.conf"], input=access.encode())
        queue = f"bind {host.address}\nrequirepass {self.passwords['redis']}\n"
        host.run(["tee", "--append", "/etc/redis/redis.conf"], input=queue.encode())
        host.run(["systemctl", "restart", "postgresql@15-main", "redis-server"])
        make = f"CREATE ROLE portal LOGIN PASSWORD '{self.passwords['database']}'; CREATE DATABASE portal OWNER portal;"
        for statement in make.split(";")[:2]:
            host.run(
                ["runuser", "-u", "postgres", "--", "psql", "--quiet", "--file=-"], input=statement.encode() + b";"
            )

    def _install(self, host: Host) -> None:
        host.run(["useradd", "--system", "--user-group", "--home-dir", "/var/lib/portal", "portal"])
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            (host.root / HOME).mkdir(parents=True, exist_ok=True)
            copy(ROOT / part, host.root / HOME / part)
        shutil.copytree(ROOT / "var/frontend", host.root / HOME / "var/frontend")
        host.run(["python3", "-m", "venv", "--without-pip", "/opt/portal/.venv"])
        packages = host.root / HOME / ".venv/lib/python3.11/site-packages"
        shutil.copytree(libraries(), packages, dirs_exist_ok=True)
        uvicorn = "#!/opt/portal/.venv/bin/python\nfrom uvicorn.main import main\nmain()\n"
        host.write("/opt/portal/.venv/bin/uvicorn", uvicorn, mode=0o755)
        host.write("/etc/portal/portal.env", "".join(f"{k}={v}\n" for k, v in self.settings.items()), mode=0o600)
        host.run(
            ["install", "-d", "-m", "0700", "-o", "portal", "-g", "portal", "/var/lib/portal", "/var/lib/portal/ssh"]
        )
        key = self.lab.ssh_key.read_text()
        host.write("/var/lib/portal/ssh/id_ed25519", key, mode=0o600, owner="portal:portal")
        host.run(["sh", "-c", "cp /opt/portal/deploy/*.service /etc/systemd/system/ && systemctl daemon-reload"])
