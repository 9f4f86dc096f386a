"""One database host, two web servers, two workers: asked at one, watched at the other, finished by the worker left.

In the middle of an installation PostgreSQL is restarted, then Redis, a worker is killed, and then the other one's host.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from lab import Host, Lab
from script.people import Person
from script.scene import consoles
from tests.faults import table
from tests.faults.browser import Follower
from tests.faults.machines import Machines

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
PASSWORD = "correct-horse-battery"
RECOVERY_SECONDS = 60
HEADER = re.compile(r"\[[0-9]+/[0-9]+\]: ")
PEOPLE = (
    "from django.contrib.auth.models import Group, User\n"
    "for role in ('administrator', 'operator', 'approver'):\n"
    f"    User.objects.create_user(role, password='{PASSWORD}').groups.add(Group.objects.get(name=role))\n"
)


@pytest.fixture
def machines(hosts: Lab) -> Iterator[Machines]:
    made = Machines(hosts, web=2, workers=2)
    made.start()
    made.manage("web1", "shell", "-c", PEOPLE)
    yield made
    for host in (made.database, *made.hosts.values()):
        host.remove()


@pytest.fixture
def sign_in(machines: Machines) -> Iterator[Callable[[str, str], Person]]:
    """Somebody's browser at one of the web servers."""
    with ExitStack() as stack:

        def make(name: str, server: str) -> Person:
            wait(lambda: answers(machines.url(server)))
            person = Person(machines.url(server), name, PASSWORD)
            stack.callback(person.client.close)
            return person

        yield make


def test_a_worker_and_its_host_die_in_the_middle(
    machines: Machines, hosts: Lab, sign_in: Callable[[str, str], Person]
) -> None:
    register(sign_in("administrator", "web1"), hosts)
    replica, plan = ask(sign_in("operator", "web1"), sign_in("approver", "web2"), hosts)
    person = sign_in("approver", "web1")
    person.send(f"/plans/{plan}/", {"reason": "Second site"}, to=f"/plans/{plan}/approve/")
    run = found(r"/runs/(\d+)/", person, f"/replicas/{replica}/")

    with Follower(sign_in("operator", "web2"), run) as page:
        steps = count(page)
        for service, name in (("postgresql@15-main", "PostgreSQL"), ("redis-server", "Redis")):
            step, seconds = latest(page), restart(machines.database, service, page)
            table.record(f"{name} restarted", f"{step} of {steps}, on real hosts", "went on", seconds)
        wait(lambda: at(page, steps // 3))
        seconds = after(page, lambda: kill_worker(holder(machines, run)))
        table.record("kill -9 of the worker", f"{steps // 3} of {steps}", "went on", seconds)
        wait(lambda: at(page, steps // 2), 120)
        seconds = after(page, holder(machines, run).cut_power)
        table.record("power cut of its host", f"{steps // 2} of {steps}", "went on", seconds)
        page.wait(180)
    assert page.state == "succeeded", page.lines[-3:]
    assert page.numbers == list(range(1, len(page.numbers) + 1))
    whole = person.client.get(f"/runs/{run}/log.txt").text.splitlines()
    assert len(whole) == len(page.numbers)
    assert "Verified" in person.client.get(f"/replicas/{replica}/").text
    assert "each following the one before" in machines.manage("web2", "verify_audit")
    written = machines.journals()
    for secret in (*machines.passwords.values(), machines.settings["PORTAL_SECRET_KEY"], hosts.secrets.admin):
        assert secret not in written


def register(administrator: Person, hosts: Lab) -> None:
    where = {
        "hostname": hosts.master.name,
        "ssh_address": str(hosts.master.address),
        "ssh_port": 22,
        "ssh_user": "root",
    }
    passwords = {"directory_manager": hosts.secrets.directory_manager, "admin": hosts.secrets.admin}
    administrator.send("/masters/register/", where | {"backend": "native"}, {"compared": "on", **passwords})


def ask(operator: Person, approver: Person, hosts: Lab) -> tuple[int, int]:
    """The numbers of the replica and of its plan."""
    address = str(hosts.host(NAME).address)
    operator.consoles = consoles(hosts)
    page = operator.ask(
        "/replicas/request/",
        {
            "hostname": NAME, "master": found(r"/masters/(\d+)/", operator, "/masters/"), "ssh_address": address,
            "ssh_port": 22, "ssh_user": "root", "ip_addresses": address, "forward_policy": "first",
        },
    )  # fmt: skip
    return int(str(page.url).split("/")[-2]), found(r"/plans/(\d+)/", approver, "/approvals/")


def found(pattern: str, person: Person, path: str) -> int:
    match = re.search(pattern, person.client.get(path).text)
    assert match is not None, f"{path} has no {pattern}"
    return int(match[1])


def count(page: Follower) -> int:
    """How many steps the plan has, as the log says."""
    wait(lambda: any("[1/" in line["text"] for line in page.lines))
    return next(int(line["text"].split("/")[1].split("]")[0]) for line in page.lines if line["text"].startswith("[1/"))


def latest(page: Follower) -> int:
    """The step that the page shows as the last one."""
    return max(int(line["text"][1:].split("/")[0]) for line in page.lines if HEADER.match(line["text"]))


def at(page: Follower, step: int) -> bool:
    return latest(page) >= step


def holder(machines: Machines, run: int) -> Host:
    """The host whose worker has the run."""
    for name, host in machines.hosts.items():
        if name.startswith("worker") and host.running:
            files = host.run(["ls", "/var/lib/portal/leases"], check=False).stdout.decode().split()
            if any(file.startswith(f"{run}.") for file in files):
                return host
    raise AssertionError("no worker has the run")


def kill_worker(host: Host) -> None:
    host.run(["systemctl", "kill", "--kill-whom=main", "--signal=KILL", "portal-worker"])


def restart(host: Host, service: str, page: Follower) -> float:
    """Seconds until the run comes to another step, and the page shows that."""
    step = latest(page)
    host.run(["systemctl", "restart", service])
    return wait(lambda: latest(page) > step)


def after(page: Follower, fault: Callable[[], None]) -> float:
    """Seconds until somebody goes on."""
    before = resumed(page)
    fault()
    return wait(lambda: resumed(page) > before)


def resumed(page: Follower) -> int:
    return sum(line["text"].startswith("Resuming") for line in page.lines)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def wait(condition: Callable[[], object], seconds: float = RECOVERY_SECONDS) -> float:
    """Seconds until it held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.1)
    return time.monotonic() - started
