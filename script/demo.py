"""The whole job on real test hosts, through the portal's own pages: register, ask, approve, watch, verify."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lab import Lab, LabError
from lab.check import missing
from script import scene
from script.people import PageRefused, Person
from script.processes import ROOT

if TYPE_CHECKING:
    from replicas.models import Run

DATA = ROOT / "var" / "demo"


class DemoFailed(Exception):
    """Something on the way to *verified* did not work; the text names step, cause and remedy."""


def main() -> int:
    options = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    lacking = missing()
    if lacking:
        print(lacking, file=sys.stderr)
        if options.once:
            return 1
    failed = False
    try:
        with ExitStack() as stack:
            lab = None if lacking else stack.enter_context(scene.hosts("demo", 1 if options.once else 2, options.users))
            key = {"PORTAL_SSH_KEY_FILE": str(lab.ssh_key)} if lab else {}
            address, people = stack.enter_context(scene.served(DATA, options.port, key))
            _announce(address, people)
            failed = not _show(address, people, lab)
            if options.once:
                return int(failed)
            print(f"\nServing at {address} until Ctrl-C.", flush=True)
            if lab:
                blank = lab.hosts[-1]
                print(f"Another blank host waits for a request of yours: {blank.name}, SSH address {blank.address}.")
                print("Sign in as operator and ask for a replica there; then sign in as approver.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
    except LabError as error:
        print(f"\nThe test hosts could not be made: {error}", file=sys.stderr)
        return 1
    return int(failed)


def _show(address: str, people: dict[str, str], lab: Lab | None) -> bool:
    """Create the replica, when there are hosts for it; whether that went well."""
    if lab is None:
        print("The realm is empty: sign in as administrator and register a master of your own.")
        return True
    try:
        _create_replica(address, people, lab)
    except (DemoFailed, PageRefused) as error:
        print(f"\nThe demo failed. {error}", file=sys.stderr)
        return False
    return True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop when the replica is verified, with exit status 0")
    parser.add_argument("--port", type=int, default=8000, help="of the portal on 127.0.0.1; another one if it is taken")
    parser.add_argument("--users", type=int, default=10_000, help="entries in the master's directory")
    return parser.parse_args()


def _announce(address: str, people: dict[str, str]) -> None:
    print(f"\nThe portal is at {address}")
    for role, password in people.items():
        print(f"  {role:<14} password {password}")
    print(flush=True)


def _create_replica(address: str, people: dict[str, str], lab: Lab) -> None:
    """Administrator, operator and approver do their part on the pages; the terminal follows the run's socket."""
    scene.register(Person(address, "administrator", people["administrator"]), lab)
    print(f"administrator registered the master {lab.master.name}, host key {lab.master.fingerprint}")
    replica = lab.host(scene.REPLICA)
    print(f"The console of {replica.name} shows the host key {replica.fingerprint}")
    operator = Person(address, "operator", people["operator"], scene.consoles(lab))
    plan = scene.ask(operator, replica, setup_ca="on", setup_dns="on", no_forwarders="on")
    print(f"operator asked for {plan.replica} with DNS and an authority: {len(plan.steps)} steps, {plan.digest[:12]}")
    approver = Person(address, "approver", people["approver"])
    begun = time.monotonic()
    run = scene.approve(approver, plan, "Second site")
    print(f"approver approved plan {plan.digest[:12]}\n")
    _follow(approver, run)
    _summarise(run, time.monotonic() - begun)


def _follow(person: Person, run: Run) -> None:
    """Print what every browser sees, line by line, until the run ends."""
    for message in person.follow(str(run.pk)):
        for line in message.get("lines", ()):
            print(f"{line['at'][11:19]} {line['seq']:>4}  {line['text']}", flush=True)
        for step in message.get("steps", ()):
            if sys.stdout.isatty() and step["state"] == "running" and step["total"]:
                print(f"{'':15}{step['done']:,} of {step['total']:,} {step['unit']}", end="\r", flush=True)


def _summarise(run: Run, seconds: float) -> None:
    """What was proved and how long each stage took. Raises DemoFailed when the run did not end verified."""
    run.refresh_from_db()
    if run.state != "succeeded":
        step = run.steps.exclude(state="done").first()
        where = f"Step {step.index}, «{step.title}»: " if step else ""
        raise DemoFailed(f"{where}{run.error} {run.remedy}")
    print("\nProved:")
    for proof in run.facts.get("proofs", ()):
        print(f"  - {proof}")
    print("\nStage           seconds")
    for stage, took in _stages(run).items():
        print(f"{stage:<14} {took:8.1f}")
    print(f"\nApproval to verified: {seconds:.1f} s")
    if begun := os.environ.get("DEMO_STARTED"):
        print(f"Everything, set-up included: {time.time() - float(begun):.0f} s")


def _stages(run: Run) -> dict[str, float]:
    """Seconds by stage, in order."""
    took: dict[str, float] = {}
    for step in run.steps.all():
        if step.started_at and step.finished_at:
            took[step.stage] = took.get(step.stage, 0) + (step.finished_at - step.started_at).total_seconds()
    return took


if __name__ == "__main__":
    sys.exit(main())
