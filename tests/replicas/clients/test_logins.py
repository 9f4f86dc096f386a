"""Root's login on real hosts: greetings, traces, other shells, forced commands, prompts."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Host, Lab
from replicas.clients import detached, login, ssh
from replicas.errors import CommandFailed, HostError
from tests.detaching import command
from tests.replicas.steps.kept import endpoint

pytestmark = pytest.mark.hosts
WORDS = ["a b", "$HOME", "`id`", "'", '"', "\\", "\\n", "*", "ä\n", "", "!1", "!!", "~", "#", "%", "^a^b", "{a,b}"]
NOISE = {
    "greeting": "echo Welcome to $(hostname)\necho stay out >&2",
    "colors": r"printf '\033[1;32mWelcome\033[0m\r\n'; printf '\033]0;title\007' >&2",
    "no line break": "printf 'Welcome to '; printf 'Do not ' >&2",
    "JSON": """echo '{"error": "from the greeting"}'; echo '{"changed": true}'""",
    "trace": "set -x; PS4='+ traced: '; export SHELLOPTS PS4",
    "environment": "export LC_ALL=de_DE.UTF-8 PATH=/opt/bin BASH_ENV=/root/.bashrc PYTHONSTARTUP=/x; cd /tmp",
    "functions": "head() { echo no; }; timeout() { echo no; }; export -f head timeout; alias env=echo",
    "trap": "trap 'echo bye; echo bye >&2' EXIT",
    "prompt": "read -t 0.2 -p 'Which environment? ' answer; echo you chose $answer",
    "much": "seq 200000; seq 200000 >&2",
    "status": "false",
}
REFUSED = {
    "exit": ("echo Maintenance, come back later; exit 3", "'Maintenance, come back later'"),
    "exec": ("echo Hello; exec true", "'Hello'"),
    "menu": ("exec cat /etc/hostname", "'ipareplica.example.com'"),
}


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    """The replica's host; root's startup files and login are as before afterwards."""
    host = lab.hosts[1]
    bashrc, keys = host.read("/root/.bashrc"), host.read("/root/.ssh/authorized_keys")
    yield host
    host.run(["usermod", "--shell", "/bin/bash", "root"])
    host.write("/root/.bashrc", bashrc)
    host.write("/root/.ssh/authorized_keys", keys, mode=0o600)
    host.run(["rm", "-rf", "/root/.cshrc", "/root/.zshenv", "/root/.config/fish", "/root/noise"])


async def work(lab: Lab, host: Host) -> None:
    """Do what the portal does on a host, and compare it with what must come out."""
    async with await ssh.connect(endpoint(host), lab.ssh_key) as opened:
        result = await opened.run("printf", "%s\\0", *WORDS)
        assert result.stdout.decode().split("\0")[:-1] == WORDS
        assert result.stderr == b""
        assert (await opened.run("cat", input=b"\0\xffsecret\n")).stdout == b"\0\xffsecret\n"
        assert (await opened.run("hostname", "--fqdn")).text == f"{host.name}\n"
        failed = await opened.run("sh", "-c", "echo out; echo err >&2; exit 5", check=False)
        assert (failed.status, failed.stdout, failed.stderr) == (5, b"out\n", b"err\n")
        assert (await opened.python("addresses", {}))["fqdn"] == host.name
        assert await opened.write("/root/noise", b"content\0", mode=0o640)
        assert not await opened.write("/root/noise", b"content\0", mode=0o640)
        assert await opened.read("/root/noise") == b"content\0"
        seen: list[str] = []
        assert await command(opened, "portal-noise", ["cat"], lambda text, _: seen.append(text), input=b"key\n") == 0
        assert seen == ["key\n"]
        await detached.clean(opened, "portal-noise")
        environment = (await opened.run("env")).text.splitlines()
        assert {"LC_ALL=C", "HOME=/root", f"PATH={login.PATH}"} <= set(environment)
        assert not [line for line in environment if line.startswith(("BASH_", "SHELLOPTS", "PYTHON"))]
        await opened.remove("/root/noise")


@pytest.mark.parametrize("name", NOISE)
async def test_what_startup_files_print_is_not_output(lab: Lab, host: Host, name: str) -> None:
    host.write("/root/.bashrc", f"{NOISE[name]}\n")
    await work(lab, host)


@pytest.mark.parametrize("name", REFUSED)
async def test_a_login_that_runs_something_else_is_refused(lab: Lab, host: Host, name: str) -> None:
    script, words = REFUSED[name]
    host.write("/root/.bashrc", f"{script}\n")
    await refused(lab, host, words)


async def refused(lab: Lab, host: Host, words: str) -> None:
    async with await ssh.connect(endpoint(host), lab.ssh_key) as opened:
        for stdin in (b"", b"secret"):
            with pytest.raises(HostError, match="does not run the portal's commands as root") as caught:
                await opened.run("cat", input=stdin)
            assert words in caught.value.message
            assert not caught.value.retryable
            assert f"ssh root@{host.name} true" in caught.value.remedy


async def test_a_forced_command_and_an_account_without_a_shell_are_refused(lab: Lab, host: Host) -> None:
    keys = host.read("/root/.ssh/authorized_keys")
    host.write("/root/.ssh/authorized_keys", f'command="echo backups only" {keys}', mode=0o600)
    await refused(lab, host, "'backups only'")
    host.write("/root/.ssh/authorized_keys", keys, mode=0o600)
    host.run(["usermod", "--shell", "/usr/sbin/nologin", "root"])
    await refused(lab, host, "'This account is currently not available.'")


async def test_a_startup_file_gets_no_input(lab: Lab, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt without an end is named as the cause, and what was to be the command's input never reaches it."""
    monkeypatch.setattr(login, "SECONDS", 1.0)
    host.write("/root/.bashrc", 'read -p "Password: " answer; echo "$answer" >/root/noise\n')
    async with await ssh.connect(endpoint(host), lab.ssh_key) as opened:
        assert (await opened.run("echo", "done")).text == "done\n"
        with pytest.raises(HostError, match="did not start the portal's command within 1 s") as caught:
            await opened.run("cat", input=b"secret\n")
        assert "wait for input" in caught.value.remedy
        assert caught.value.retryable
    assert "secret" not in host.run(["cat", "/root/noise"], check=False).stdout.decode()


async def test_a_banner_is_not_output(lab: Lab, host: Host) -> None:
    host.write("/etc/issue.net", "Authorized use only\n")
    host.write("/etc/ssh/sshd_config.d/00-banner.conf", "Banner /etc/issue.net\n")
    host.run(["sh", "-c", "systemctl reset-failed ssh; systemctl restart ssh"])
    try:
        await work(lab, host)
    finally:
        host.run(["rm", "/etc/ssh/sshd_config.d/00-banner.conf"])
        host.run(["sh", "-c", "systemctl reset-failed ssh; systemctl restart ssh"])


@pytest.fixture(scope="module")
def shells(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Host:
    """The replica's host with other shells from the machine's own archive, if that can be reached."""
    folder = tmp_path_factory.mktemp("shells")
    names = ["tcsh", "fish", "fish-common", "zsh", "zsh-common", "libpcre2-32-0"]
    options = ["--quiet", "-oAPT::Sandbox::User=root", "-oAcquire::Retries=0", "-oAcquire::http::Timeout=20"]
    done = subprocess.run(["apt-get", *options, "download", *names], cwd=folder, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"This machine's archive does not have {', '.join(names)}")
    for path in sorted(Path(folder).glob("*.deb")):
        content = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], capture_output=True, check=True).stdout
        lab.hosts[1].run(["tar", "--extract", "--keep-directory-symlink", "--directory=/"], input=content)
    return lab.hosts[1]


STARTUP = {"/bin/tcsh": "/root/.cshrc", "/usr/bin/fish": "/root/.config/fish/config.fish", "/bin/zsh": "/root/.zshenv"}


@pytest.mark.parametrize("shell", STARTUP)
async def test_other_login_shells(lab: Lab, host: Host, shells: Host, shell: str) -> None:
    found = (
        shell if not shells.run(["test", "-x", shell], check=False).returncode else shell.replace("/bin", "/usr/bin")
    )
    host.write(STARTUP[shell], "echo Welcome to the machine\n")
    host.run(["usermod", "--shell", found, "root"])
    await work(lab, host)


async def test_restricted_shell_is_refused(lab: Lab, host: Host) -> None:
    host.run(["usermod", "--shell", "/bin/rbash", "root"])
    async with await ssh.connect(endpoint(host), lab.ssh_key) as opened:
        with pytest.raises(HostError, match="restricted"):
            await opened.run("true")


async def test_sudo_and_the_login_of_its_user(lab: Lab, host: Host) -> None:
    """What the login prints, and what sudo warns of, is not output; what sudo refuses is said to be sudo's."""
    host.run(["useradd", "--create-home", "noisy"])
    try:
        host.run(["install", "-d", "-m", "700", "-o", "noisy", "/home/noisy/.ssh"])
        keys = host.read("/root/.ssh/authorized_keys")
        host.write("/home/noisy/.ssh/authorized_keys", keys, mode=0o600, owner="noisy:noisy")
        host.write(
            "/home/noisy/.bashrc", "echo sudo: a password is required; echo sudo: tty >&2\n", owner="noisy:noisy"
        )
        host.run(["usermod", "--shell", "/bin/bash", "noisy"])
        # The host does not know its own name: sudo warns, and goes on.
        host.write("/etc/sudoers.d/noisy", "noisy elsewhere=(ALL) ALL\n", mode=0o440)
        user = dataclasses.replace(endpoint(host), user="noisy")
        async with await ssh.connect(user, lab.ssh_key) as opened:
            with pytest.raises(CommandFailed, match="sudo: a password is required") as caught:
                await opened.run("sh", "-c", "exit 1", check=False)
            assert caught.value.remedy == f"Let noisy use sudo without a password on {host.name}."
            host.write("/etc/sudoers.d/noisy", "noisy ALL=(ALL) NOPASSWD: ALL\nDefaults:noisy requiretty\n", mode=0o440)
            with pytest.raises(CommandFailed, match="tty") as caught:
                await opened.run("true")
            assert "!requiretty" in caught.value.remedy
            host.write("/etc/sudoers.d/noisy", "noisy ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
            result = await opened.run("sh", "-c", "id -u; echo sudo: a password is required >&2; exit 1", check=False)
            assert (result.status, result.text, result.stderr) == (1, "0\n", b"sudo: a password is required\n")
            assert (await opened.run("printf", "%s\\0", *WORDS)).stdout.decode().split("\0")[:-1] == WORDS
            assert (await opened.run("cat", input=b"secret\n")).stdout == b"secret\n"
            assert (await opened.python("addresses", {}))["fqdn"] == host.name
    finally:
        host.run(["rm", "-f", "/etc/sudoers.d/noisy"])
        host.run(["userdel", "--remove", "--force", "noisy"], check=False)


def test_the_login_shell_sees_nothing_that_shells_read_differently() -> None:
    for sudo in (False, True):
        start = login.prepare(("printf", "%s", *WORDS), sudo=sudo)
        assert start.command.count("'") == 2
        assert not re.search(r"[\\!\n^{}#~*?\[\]]", start.command)
        assert start.by_sudo is sudo
        assert not any(mark.strip() in start.command.encode() for mark in start.marks)
