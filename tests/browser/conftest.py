"""A served portal on a database of its own, a worker that writes to it, and headless Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from replicas.models import Master
from tests.replicas.views import world as w

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
T = TypeVar("T")


@dataclass
class Portal:
    """The served portal; `write` runs what a worker would, in its own thread with its own connection."""

    url: str
    master: Master
    pool: ThreadPoolExecutor

    def write(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.pool.submit(work, *args, **kwargs).result()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Portal]:
    folder = tmp_path_factory.mktemp("portal")
    database = connections.settings["default"]
    before = database["NAME"]
    database["NAME"] = str(folder / "portal.sqlite3")
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as pool:
        pool.submit(call_command, "migrate", verbosity=0).result()
        pool.submit(w.cast).result()
        master = pool.submit(w.realm_with_master).result()
        with served(folder) as url:
            yield Portal(url, master, pool)
        pool.submit(connections.close_all).result()
    database["NAME"] = before


class served:  # noqa: N801 - used as a function
    """`with served(folder) as url`: the portal as it is where people work with it, until the block ends."""

    def __init__(self, folder: Path, *, options: Sequence[str] = (), **environment: str) -> None:
        """`options` are for uvicorn."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = (folder / "server.log").open("w")
        self.options = options
        self.environment = (
            os.environ
            | {
                "PORTAL_DATA_DIR": str(folder),
                "PORTAL_DEBUG": "off",
                "PORTAL_LOCAL_HOSTS": "on",  # tests/browser/sshd.py listens on this machine
            }
            | environment
        )

    def __enter__(self) -> str:
        collect = [sys.executable, "manage.py", "collectstatic", "--no-input"]
        subprocess.run(collect, cwd=settings.BASE_DIR, env=self.environment, check=True, stdout=self.log)
        argv = [
            sys.executable,
            "-m",
            "uvicorn",
            "portal.asgi:application",
            "--port",
            str(self.port),
            "--lifespan",
            "off",
            *self.options,
        ]
        self.process = subprocess.Popen(
            argv, cwd=settings.BASE_DIR, env=self.environment, stdout=self.log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 20
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(Path(self.log.name).read_text())
            time.sleep(0.1)
        return self.url

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:  # what urllib raises, or a time-out while the answer comes
            return False

    def __exit__(self, *failure: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(portal: Portal, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Give a page of a fresh browser in which that person signed in."""
    contexts: list[BrowserContext] = []

    def make(name: str, **options: Any) -> Page:
        context = chromium.new_context(**{"base_url": portal.url} | options)
        contexts.append(context)
        page = context.new_page()
        page.goto("/login/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(w.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        return page

    yield make
    for context in contexts:
        context.close()
