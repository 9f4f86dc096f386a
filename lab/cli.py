"""The command line of the lab."""

import argparse
import os
import signal
import sys
import time

from lab import check
from lab.command import LabError
from lab.environment import Lab
from lab.freeipa import FreeIpaLab, RolesLab
from lab.freeipa.releases import SETTING, names


def main(words: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    # Whoever reads the output may stop reading.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = _parser().parse_args(words)
    try:
        arguments.command(_lab(arguments), arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _lab(arguments: argparse.Namespace) -> Lab:
    kind: type[Lab] = arguments.kind
    if issubclass(kind, FreeIpaLab):
        return kind(arguments.name, arguments.release)
    if arguments.release is not None:
        raise LabError("--release needs --freeipa or --freeipa-roles")
    return kind(arguments.name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="Real hosts on one machine")
    parser.add_argument("--name", default="demo", help="which lab (default: demo); labs run side by side")
    kinds: list[tuple[str, type[Lab], str]] = [
        ("--freeipa", FreeIpaLab, "a FreeIPA server as the master, without authority and name service of its own"),
        ("--freeipa-roles", RolesLab, "a FreeIPA server with CA, KRA, name service and AD trust as the master"),
    ]
    chosen = parser.add_mutually_exclusive_group()
    for option, kind, told in kinds:
        chosen.add_argument(option, action="store_const", dest="kind", const=kind, default=Lab, help=told)
    parser.add_argument("--release", help=f"which FreeIPA: {names()} (default: ${SETTING}, or the first of these)")
    commands = parser.add_subparsers(required=True)

    up = commands.add_parser("up", help="make a master and blank replicas")
    up.add_argument("--replicas", type=int, default=1, metavar="N", help="number of blank hosts (default: 1)")
    prepare = commands.add_parser("prepare", help="build and keep what `up` would have to build, and run nothing")
    prepare.set_defaults(command=_prepare, replicas=0)
    for command in (up, prepare):
        command.add_argument("--users", type=int, default=0, metavar="N", help="number of users in the directory")
        command.add_argument("--no-dns", action="store_false", dest="dns", help="a master without name server")
    up.set_defaults(command=_up)

    commands.add_parser("check", help="say what this machine lacks, if anything").set_defaults(command=_check)
    commands.add_parser("down", help="remove all hosts").set_defaults(command=lambda lab, _: lab.down())
    commands.add_parser("status", help="show hosts and passwords").set_defaults(command=_status)

    shell = commands.add_parser("shell", help="open a shell in a host, or run a program there")
    shell.add_argument("host")
    shell.add_argument("argv", nargs=argparse.REMAINDER)
    shell.set_defaults(command=_shell)

    reset = commands.add_parser("reset", help="make a host as fresh as when it came up")
    reset.add_argument("host")
    reset.set_defaults(command=lambda lab, arguments: lab.reset(lab.host(arguments.host)))
    return parser


def _up(lab: Lab, arguments: argparse.Namespace) -> None:
    start = time.monotonic()
    lab.up(replicas=arguments.replicas, users=arguments.users, dns=arguments.dns)
    print(f"up after {time.monotonic() - start:.1f} s")
    _status(lab, arguments)


def _check(lab: Lab, arguments: argparse.Namespace) -> None:
    if obstacle := check.missing():
        raise LabError(obstacle)


def _prepare(lab: Lab, arguments: argparse.Namespace) -> None:
    try:
        lab.up(replicas=arguments.replicas, users=arguments.users, dns=arguments.dns)
    finally:
        lab.down()


def _status(lab: Lab, _: argparse.Namespace) -> None:
    for host in lab.hosts:
        state = "running" if host.running else "stopped"
        print(f"{host.name:28} {host.address!s:14} {host.address6!s:18} {state:8} {host.fingerprint}")
    if not lab.hosts:
        print(f"the lab {lab.name} is down")
        return
    print(f"SSH key for root:           {lab.ssh_key}")
    if not lab.has_passwords:
        return
    print(f"Directory Manager password: {lab.secrets.directory_manager}")
    print(f"admin password:             {lab.secrets.admin}")


def _shell(lab: Lab, arguments: argparse.Namespace) -> None:
    argv = lab.host(arguments.host).enter() + (arguments.argv or ["bash", "--login"])
    os.execvp(argv[0], argv)  # noqa: S606 - the shell takes this process's place
