"""No secret leaves a trace: canaries in every credential, a whole life with debugging on, and a search of everything.

Real processes as on one machine: web server, worker, three hosts. Searched are the database and every other file of the
portal, every file that appeared or changed on a host, the journals, command lines and environments sampled all the
while, every page that anybody can open, and every frame of the sockets.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab import Host, Lab
from replicas.clients import gpg
from replicas.errors import BundleError
from replicas.lifecycle.steps import packing
from script.people import PageRefused, Person
from script.processes import ROOT, portal
from script.scene import consoles
from tests.hosts import canaries
from tests.hosts.canaries import Canaries, Hit, Sampler

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
ROLES = ("viewer", "operator", "approver", "administrator", "root")
SKIPPED = re.compile(r"/static/|/logout|/admin/logout|/admin/jsi18n|/admin/replicas/logline/\d")
"""Lines of logs are on their run's page, one after the other."""
MOST_PAGES = 2000
TALKATIVE = """
import logging, sys
import asyncssh
from ldap3.utils import log
log.set_library_log_activation_level(logging.DEBUG)
log.set_library_log_detail_level(log.EXTENDED)
log.set_library_log_hide_sensitive_data(False)
asyncssh.set_debug_level(2)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "worker"])
"""
PEOPLE = """
import json, sys, django
django.setup()
from django.contrib.auth.models import Group, User
for role, password in json.load(sys.stdin).items():
    staff, superuser = role in ("administrator", "root"), role == "root"
    user = User.objects.create_user(role, "", password, is_staff=staff, is_superuser=superuser)
    user.groups.set(Group.objects.filter(name=role))
"""
BY_NATURE = {
    (
        "TSIG key",
        f"{NAME}/upper/etc/bind/ipa.key",
    ): "the replica's name server signs with it: 0640 root:bind, as on the master",
    ("SSH key", "/ssh_key"): "the portal's own key file",
}
"""A secret and the end of a path where it has to be, and why."""


class Cast:
    """Web server and worker as real processes with debugging on, and people in front of them."""

    def __init__(self, data: Path, known: Canaries, key: Path, shown: dict[str, str]) -> None:
        self.data, self.consoles = data, shown
        ring = secrets.token_bytes(32)
        known.planted |= {"key ring": ring, "SSH key": canaries.seed(key)}
        shutil.copy(key, data / "ssh_key")
        self.environment = {
            "PORTAL_DATA_DIR": str(data),
            "PORTAL_DEBUG": "1",
            "PORTAL_LOG_LEVEL": "DEBUG",
            "PORTAL_LOG_CHUNK_HOURS": "0",
            "PORTAL_KEYS": f"canary:{base64.b64encode(ring).decode()}",
            "PORTAL_SECRET_KEY": known.plant("secret key") * 2,
            "PORTAL_SSH_KEY_FILE": str(data / "ssh_key"),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "TMPDIR": str(data / "tmp"),
        }
        self.passwords = {role: known.plant(f"password of {role}") for role in ROLES}
        self.people: dict[str, Person] = {}
        self.said: list[tuple[str, str]] = []
        """Pages and frames."""

    @contextmanager
    def running(self) -> Iterator[None]:
        (self.data / "tmp").mkdir()
        environment = os.environ | self.environment
        for argv, typed in (
            (["manage.py", "migrate", "--verbosity=0"], ""),
            (["-c", PEOPLE], json.dumps(self.passwords)),
        ):
            subprocess.run([sys.executable, *argv], env=environment, cwd=ROOT, input=typed, text=True, check=True)
        with portal(self.data, self.environment, port=0, worker=("-c", TALKATIVE)) as address:
            try:
                for role, password in self.passwords.items():
                    self.people[role] = Person(address, role, password, self.consoles)
                self._wait_for_the_worker()
                yield
            finally:
                for person in self.people.values():
                    person.client.close()

    def _wait_for_the_worker(self) -> None:
        """From then on its environment is without secrets."""
        deadline = time.monotonic() + 30
        while "consumer started" not in (self.data / "worker.log").read_text():
            assert time.monotonic() < deadline, (self.data / "worker.log").read_text()[-2000:]
            time.sleep(0.1)

    def wait_for_chunks(self) -> None:
        """Until the worker has compressed the log of a run that is over."""
        deadline = time.monotonic() + 60
        while not any(True for _ in canaries.unpacked(self.data)):
            assert time.monotonic() < deadline, "no log was compressed"
            time.sleep(0.5)

    def send(self, who: str, path: str, *steps: dict[str, Any], to: str | None = None) -> str:
        """The address that the form led to."""
        page = self.people[who].send(path, *steps, to=to)
        self.said.append((f"{path} sent by {who}", page.text))
        return str(page.url.path)

    def ask(self, path: str, data: dict[str, Any], to: str | None = None) -> str:
        """The address of the replica that a form made a plan for."""
        page = self.people["operator"].ask(path, data, to, despite="The checks may say what they want")
        self.said += [(f"{path} asked for", page.text), *((str(old.url), old.text) for old in page.history)]
        return str(page.url.path)

    def newest(self, kind: str, path: str) -> str:
        """The number of the newest plan or run that a page links to."""
        found = re.findall(rf"/{kind}/(\d+)/", self.people["viewer"].client.get(path).text)
        return str(max(map(int, found)))

    def follow(self, replica: str) -> str:
        """The whole log of the replica's newest run, as a browser gets it; its state at the end."""
        run = self.newest("runs", replica)
        for message in self.people["viewer"].follow(run):
            self.said.append((f"frame of run {run}", json.dumps(message)))
        return str(self.people["viewer"].client.get(f"/runs/{run}/").text)

    def act(self, replica: str, name: str, **data: Any) -> None:
        """Ask for a plan and approve it."""
        self.ask(replica, data, to=f"{replica}{name}/")
        plan = self.newest("plans", replica)
        try:
            self.send("approver", f"/plans/{plan}/", {"reason": "Needed"}, to=f"/plans/{plan}/approve/")
        except PageRefused as error:
            raise AssertionError(f"{name}: {error}") from error

    def crawl(self) -> Iterator[tuple[str, str]]:
        """Every page that links lead to, as each person sees it."""
        for who, person in self.people.items():
            waiting, seen = ["/", "/admin/"], set[str]()
            while waiting and len(seen) < MOST_PAGES:
                path = waiting.pop(0)
                if path in seen or SKIPPED.match(path):
                    continue
                seen.add(path)
                page = person.client.get(path)
                yield f"{path} as {who}", page.text
                waiting += [link for link in re.findall(r'href="(/[^"#]*)"', page.text) if "?" not in link]


def test_no_secret_leaves_a_trace(hosts: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = Canaries({"Directory Manager": hosts.secrets.directory_manager, "admin": hosts.secrets.admin})
    known.planted["TSIG key"] = canaries.tsig(hosts.master)
    cast = Cast(tmp_path, known, hosts.ssh_key, consoles(hosts))
    before = canaries.snapshot(hosts)
    with cast.running(), Sampler(hosts.hosts) as sampler:
        page = a_whole_life(cast, hosts, known)
        changed = list(canaries.written(before, canaries.snapshot(hosts)))
        the_end_of_it(cast, page)
        pages = list(cast.crawl())
        known.planted |= pins(sampler, hosts)
        cast.wait_for_chunks()
        stored = [*canaries.copied(tmp_path), *canaries.unpacked(tmp_path)]
    changed += canaries.written(before, canaries.snapshot(hosts))
    processes = [(where, content) for content, where in sampler.seen.items()]
    places: dict[str, list[tuple[str, bytes]] | list[tuple[str, str]]] = {
        "pages": pages + [one for one in cast.said if "frame" not in one[0]],
        "frames": [one for one in cast.said if "frame" in one[0]],
        "files of the portal": stored,
        "files of the hosts": changed,
        "journals": list(canaries.journals(hosts)),
        "processes": processes,
    }
    hits = {place: known.search_all(contents) for place, contents in places.items()}
    with capsys.disabled():
        report(known, places, sampler)
    assert_the_search_means_something(known, places, stored, sampler)
    found = {hit for place in hits.values() for hit in place}
    for name, path in BY_NATURE:
        assert any(hit.name == name and hit.where.endswith(path) for hit in found), f"{path} has no {name} any more"
    assert {place: [hit for hit in found if not by_nature(hit)] for place, found in hits.items()} == dict.fromkeys(
        places, []
    )


def a_whole_life(cast: Cast, lab: Lab, known: Canaries) -> str:
    """Registering, a failing run, an installation, DNS and records later, another failure, undone. The first's page."""
    master, replica = lab.master, lab.host(NAME)
    right = {"directory_manager": lab.secrets.directory_manager, "admin": lab.secrets.admin}
    wrong = {"directory_manager": known.plant("one-run manager"), "admin": known.plant("one-run admin")}
    where = {
        "hostname": master.name,
        "ssh_address": str(master.address),
        "ssh_port": 22,
        "ssh_user": "root",
        "backend": "native",
    }
    registered = cast.send("administrator", "/masters/register/", where, {"compared": "on", "forget": "on", **right})
    asked = {
        "hostname": NAME, "master": registered.split("/")[2], "ssh_address": str(replica.address), "ssh_port": 22,
        "ssh_user": "root", "ip_addresses": f"{replica.address}\n{replica.address6}", "setup_ca": "on",
        "forward_policy": "first",
    }  # fmt: skip
    with changed(lab, wrong):
        page = cast.ask("/replicas/request/", asked | wrong)
    plan = cast.newest("plans", page)
    cast.send("approver", f"/plans/{plan}/", {"reason": "Needed"}, to=f"/plans/{plan}/approve/")
    assert "Failed" in cast.follow(page)
    cast.send("operator", page, {"reason": "Typed wrong", **right}, to=f"{page}retry/")
    assert "Succeeded" in cast.follow(page)
    cast.act(page, "dns", no_forwarders="on", forward_policy="first", **right)
    assert "Succeeded" in cast.follow(page)
    cast.send("administrator", registered, right, to=f"{registered}passwords/")
    removal = f"server 127.0.0.1\nupdate delete _ldap._tcp.example.com. SRV 0 100 389 {NAME}.\nsend\n"
    master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=removal.encode())
    cast.act(page, "records")
    assert "Succeeded" in cast.follow(page)
    another(cast, lab, asked, known)
    return page


def another(cast: Cast, lab: Lab, asked: dict[str, Any], known: Canaries) -> None:
    """A request whose passwords are changed before its run, which fails, and what it did is undone."""
    host = lab.host("ipareplica2.example.com")
    wrong = {"directory_manager": known.plant("second one-run manager"), "admin": known.plant("second one-run admin")}
    where = {"hostname": host.name, "ssh_address": str(host.address), "ip_addresses": str(host.address)}
    with changed(lab, wrong):
        page = cast.ask("/replicas/request/", asked | where | wrong)
    plan = cast.newest("plans", page)
    cast.send("approver", f"/plans/{plan}/", {"reason": "Needed"}, to=f"/plans/{plan}/approve/")
    assert "Failed" in cast.follow(page)
    cast.act(page, "undo", reason="Not needed any more")
    assert "Succeeded" in cast.follow(page)


@contextmanager
def changed(lab: Lab, passwords: dict[str, str]) -> Iterator[None]:
    """The realm has other passwords for a while: those that a request is accepted with, and its run is refused."""
    try:
        give(lab.master, passwords["directory_manager"], passwords["admin"])
        yield
    finally:
        give(lab.master, lab.secrets.directory_manager, lab.secrets.admin)


def give(master: Host, manager: str, admin: str) -> None:
    change = f"dn: cn=config\nchangetype: modify\nreplace: nsslapd-rootpw\nnsslapd-rootpw: {manager}\n"
    socket = "ldapi://%2Frun%2Fslapd-EXAMPLE-COM.socket"
    master.run(["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", socket], input=change.encode())
    master.run(["kadmin.local", "-q", "cpw admin"], input=f"{admin}\n{admin}\n".encode())


def the_end_of_it(cast: Cast, page: str) -> None:
    """Removal."""
    cast.act(page, "remove", reason="The site is closed")
    assert "Succeeded" in cast.follow(page)


def pins(sampler: Sampler, lab: Lab) -> dict[str, str | bytes]:
    """The passwords inside the bundles that were seen on the hosts."""
    whole = [sealed for sealed in sampler.bundles if sealed]
    assert whole, "no bundle was seen"
    members: dict[str, bytes] = {}
    for sealed in whole:
        try:
            members |= packing.unpack(gpg.unseal(sealed, lab.secrets.directory_manager))
        except BundleError:
            continue  # seen while it was written
    found: dict[str, str | bytes] = {
        f"pin {name}": pin.strip() for name, pin in members.items() if name.endswith("_pin.txt")
    }
    assert len(found) >= 4
    return found


def by_nature(hit: Hit) -> bool:
    return any(hit.name == name and hit.where.endswith(path) for name, path in BY_NATURE)


def assert_the_search_means_something(
    known: Canaries, places: dict[str, Any], stored: list[tuple[str, bytes]], sampler: Sampler
) -> None:
    """Each place holds what was put there, and a canary would be found in it."""
    for place, contents in places.items():
        assert contents, place
        where, content = contents[0]
        for secret in ("Directory Manager", "key ring", "pin dirsrv_pin.txt"):
            planted = known.planted[secret]
            raw = planted.encode() if isinstance(planted, str) else planted
            for form in (base64.b64encode(raw), raw.hex().encode()):
                spoilt = content + form.decode() if isinstance(content, str) else content + form
                assert Hit(secret, where) in known.search(where, spoilt)
    assert any(b"already done" in content or b"Done in" in content for where, content in stored if "chunk" in where)
    assert any(b"plan:approve" in content for path, content in stored if "portal.sqlite3" in path)
    assert any(b"ldap3" in content or b"asyncssh" in content for path, content in stored if path.endswith("worker.log"))
    assert any(b"dsconf" in content or b"ns-slapd" in content for content in sampler.seen)
    # Where more wants to run than can, what is looked for runs longer, too.
    assert statistics.median(sampler.pauses) <= 0.05 * max(1, os.getloadavg()[1] / (os.cpu_count() or 1))


def report(known: Canaries, places: dict[str, Any], sampler: Sampler) -> None:
    said = [f"\n{len(known.planted)} canaries: {', '.join(known.planted)}"]
    for place, contents in places.items():
        size = sum(len(content) for _where, content in contents)
        said.append(f"  {place:<22} {len(contents):>6} searched, {size / 1e6:9.2f} MB")
    pauses = sorted(sampler.pauses)
    middle, most = statistics.median(pauses) * 1000, pauses[-1] * 1000
    said.append(f"  samples {len(pauses)}, every {middle:.0f} ms, at most {most:.0f} ms")
    print("\n".join(said))  # noqa: T201 - what was searched is part of the result
