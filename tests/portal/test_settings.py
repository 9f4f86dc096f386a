"""Values of environment variables: normalized, or refused by name, with a remedy and without secrets."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from portal import addresses, environment, services
from portal.environment import SettingError

NAME = "PORTAL_TEST_VALUE"
SECRET = "s3cr3t-w0rd"
KEY = base64.b64encode(b"k" * 32).decode()
EVERY_NUMBER = (
    "WORKERS", "TASK_WORKERS", "CHECKPOINT_SECONDS", "AUDIT_VERIFY_HOURS", "BUNDLE_HOURS", "DRAFT_HOURS",
    "LEASE_SECONDS", "LOOK_SECONDS", "LOG_CHUNK_HOURS", "RECONNECT_SECONDS", "RUNS_PER_MASTER", "SWEEP_SECONDS", "PORT",
)  # fmt: skip


def refusal(read: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(SettingError) as caught:
        read(*args, **kwargs)  # type: ignore[operator]
    message = str(caught.value)
    assert message.count(". ") >= 1, "a problem and a remedy"
    return message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.example.com, b.example.com", ["a.example.com", "b.example.com"]),
        (" a.example.com ,, b.example.com,\n", ["a.example.com", "b.example.com"]),
        ("a.example.com b.example.com;c.example.com", ["a.example.com", "b.example.com", "c.example.com"]),
        ('"a.example.com,b.example.com"', ["a.example.com", "b.example.com"]),
        ("'a.example.com', \"b.example.com\"", ["a.example.com", "b.example.com"]),
        ("Portal.Example.COM.", ["portal.example.com"]),
        ("https://portal.example.com/", ["portal.example.com"]),
        ("https://portal.example.com:8443/portal/", ["portal.example.com"]),
        ("portal.example.com:8443", ["portal.example.com"]),
        ("portal.example.com/", ["portal.example.com"]),
        ("::1,[2001:DB8::0:1]:443,192.0.2.1:80", ["[::1]", "[2001:db8::1]", "192.0.2.1"]),
        (".example.com", [".example.com"]),
        ("b\u00fccher.example.com", ["xn--bcher-kva.example.com"]),
        ("localhost", ["localhost"]),
        ("*", ["*"]),
        ("", ["the default"]),
        (" , ", ["the default"]),
    ],
)
def test_allowed_hosts(monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]) -> None:
    monkeypatch.setenv(NAME, value)
    assert addresses.hosts(NAME, ["the default"]) == expected


@pytest.mark.parametrize(
    "value", ["*.example.com", "a_b.example.com", "a..b", "fe80::1%eth0", "https://", "a,-b", "a|b"]
)
def test_what_is_not_a_host(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert refusal(addresses.hosts, NAME, []).startswith(f"{NAME} has ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://portal.example.com/", ["https://portal.example.com"]),
        (" https://a.example.com , HTTPS://B.example.com./ ", ["https://a.example.com", "https://b.example.com"]),
        ("https://a.example.com:443,http://b.example.com:80", ["https://a.example.com", "http://b.example.com"]),
        ("https://a.example.com:8443/portal/", ["https://a.example.com:8443"]),
        ("https://*.example.com", ["https://*.example.com"]),
        ("https://[2001:DB8::1]:443", ["https://[2001:db8::1]"]),
        ("", []),
    ],
)
def test_trusted_origins(monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]) -> None:
    monkeypatch.setenv(NAME, value)
    assert addresses.origins(NAME) == expected


@pytest.mark.parametrize(
    "value",
    ["portal.example.com", "*", "null", "ftp://a.example.com", "https://", "https://a.example.com:x", "https://a:0",
     f"https://portal:{SECRET}@a.example.com"],
)  # fmt: skip
def test_what_is_not_an_origin(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    message = refusal(addresses.origins, NAME)
    assert message.startswith(f"{NAME} has ")
    assert SECRET not in message


@pytest.mark.parametrize(
    ("value", "url", "path"),
    [
        ("", "https://default.example.com", ""),
        ("https://portal.example.com/", "https://portal.example.com", ""),
        ("HTTPS://Portal.Example.com:443//", "https://portal.example.com", ""),
        (" 'http://portal.example.com:8000' ", "http://portal.example.com:8000", ""),
        ("https://tools.example.com/portal/", "https://tools.example.com/portal", "/portal"),
        ("https://t.example.com/Team/x-portal", "https://t.example.com/Team/x-portal", "/Team/x-portal"),
    ],
)  # fmt: skip
def test_the_public_address(monkeypatch: pytest.MonkeyPatch, value: str, url: str, path: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert addresses.public(NAME, "https://default.example.com") == (url, path)


@pytest.mark.parametrize(
    "value",
    ["portal.example.com", "ftp://portal.example.com", "https:///portal", "https://portal.example.com/?a=1",
     "https://portal.example.com/#a", "https://portal.example.com/../x", "https://portal.example.com/a%2Fb",
     "https://portal.example.com:99999", f"https://portal:{SECRET}@portal.example.com"],
)  # fmt: skip
def test_what_is_not_a_public_address(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    message = refusal(addresses.public, NAME, "https://default.example.com")
    assert message.startswith(NAME)
    assert SECRET not in message


@pytest.mark.parametrize(
    ("value", "expected"),
    [(word, True) for word in ("1", "on", "Yes", "TRUE", " true\n", '"on"')]
    + [(word, False) for word in ("0", "off", "No", "false")],
)
def test_booleans(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv(NAME, value)
    assert environment.boolean(NAME, default=not expected) is expected


@pytest.mark.parametrize("value", ["maybe", "2", "enabled?", "tru"])
def test_a_word_that_is_not_a_boolean_is_not_taken_for_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert refusal(environment.boolean, NAME) == f'{NAME} is "{value}", which is neither on nor off. Write 1 or 0.'


@pytest.mark.parametrize("value", ["0", "-1", "abc", "1.5", "101", "1e1", "0x5", "٤", "1_0", "9" * 40])
def test_numbers_out_of_range(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    message = refusal(environment.integer, NAME, 4, minimum=1, maximum=100)
    assert message == f'{NAME} is "{value}". Write a whole number from 1 to 100.'


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "abc", "1,5"])
def test_hours_out_of_range(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert refusal(environment.number, NAME, 8, minimum=0.5, maximum=100).startswith(f'{NAME} is "{value}".')


def test_numbers_are_read_with_quotes_and_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, ' "7"\n')
    assert environment.integer(NAME, 4, minimum=1, maximum=9) == 7
    assert environment.number(NAME, 4, minimum=1, maximum=9) == 7.0


@pytest.mark.parametrize("word", ["p#ss", "p/ss", "p?ss", "12#x", "p%ss", "p%2", "p ss", "p[ss", "1/2", "1?x", "p\tss"])
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql://portal:{0}" + SECRET + "@db.example.com:5432/portal"),
        ("REDIS_URL", "rediss://:{0}" + SECRET + "@queue.example.com:6379/0"),
        ("EMAIL_URL", "smtp+tls://portal:{0}" + SECRET + "@mail.example.com:587"),
    ],
)
def test_a_password_that_would_cut_a_url_is_refused_by_name(name: str, url: str, word: str) -> None:
    message = refusal(READERS[name], url.format(word))
    assert message.startswith(f"{name} ")
    assert "%23" in message
    assert SECRET not in message
    assert word not in message


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "EMAIL_URL"])
@pytest.mark.parametrize("port", ["0", "65536", "abc", "-1"])
def test_a_port_that_is_none(name: str, port: str) -> None:
    scheme = {"DATABASE_URL": "postgresql", "REDIS_URL": "redis", "EMAIL_URL": "smtp"}[name]
    message = refusal(READERS[name], f"{scheme}://u:{SECRET}@host.example.com:{port}/0")
    assert message.startswith(f"{name} cannot be read")
    assert SECRET not in message


READERS = {
    "DATABASE_URL": lambda url: services.postgresql(url, 4, 4),
    "REDIS_URL": lambda url: services.redis_queue(url, "key"),
    "EMAIL_URL": services.email,
}


@pytest.mark.parametrize("password", ["p@ss:w0rd", "plus+sign", "p%2F%40%23%3F%25x", "ä€😀\"'\\^`{|}~"])
def test_passwords_are_read_as_they_are_meant(password: str) -> None:
    meant = {"p%2F%40%23%3F%25x": "p/@#?%x"}.get(password, password)
    assert services.postgresql(f"postgresql://u:{password}@db/portal", 4, 4)["PASSWORD"] == meant
    assert services.redis_queue(f"redis://:{password}@queue/0", "key")["connection"]["password"] == meant
    assert services.email(f"smtp+tls://u:{password}@mail:587")["EMAIL_HOST_PASSWORD"] == meant


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("DATABASE_URL", "mysql://u:{0}@db/portal", "does not begin with postgresql://"),
        ("DATABASE_URL", "postgresql://u:{0}@db", "names no database"),
        ("DATABASE_URL", "postgresql://u:{0}@db/portal?sslmod=require", "an option"),
        ("REDIS_URL", "http://:{0}@queue/0", "does not begin with redis://"),
        ("REDIS_URL", "redis://:{0}@queue/first", "a database that is not a number"),
        ("REDIS_URL", "redis://:{0}@queue/0?colour=red", "an option"),
        ("REDIS_URL", "redis://:{0}@queue/0?socket_timeout=long", "cannot be read"),
        ("EMAIL_URL", "u:{0}@mail:587", "does not begin with"),
        ("EMAIL_URL", "smtp+tls://u:{0}@:587", "does not name one mail server"),
        ("EMAIL_URL", "smtp+tls://u:{0}@mail1,mail2:587", "does not name one mail server"),
        ("EMAIL_URL", "smtp+tls://u:{0}%E4@mail", "Escape other characters as in UTF-8"),
        ("EMAIL_URL", "smtp+tls://u:{0}%00@mail", "cannot be read"),
        ("DATABASE_URL", "postgresql://u:{0}%E4@db/portal", "Escape other characters as in UTF-8"),
        ("DATABASE_URL", "postgresql://u:{0}%00@db/portal", "cannot be read"),
        ("DATABASE_URL", "postgresql://u:{0}@db/portal?sslmode=always", "a wrong value of sslmode"),
        ("DATABASE_URL", "postgresql://u:{0}@db/portal?connect_timeout=soon", "a wrong value of connect_timeout"),
        ("DATABASE_URL", "postgresql://u:{0}@db/portal?pool=true", "a wrong value of pool"),
        ("REDIS_URL", "redis://:{0}@queue/0?protocol=9", "an option"),
        ("EMAIL_URL", "smtp://u:{0}@mail?tls=yes", "an option"),
        ("EMAIL_URL", "smtp+tls://u:{0}@mail?email_use_ssl=1", "both STARTTLS and TLS"),
    ],
)
def test_what_is_wrong_with_a_url_is_named_without_its_secret(name: str, url: str, words: str) -> None:
    message = refusal(READERS[name], url.format(SECRET))
    assert message.startswith(f"{name} ")
    assert words in message
    assert SECRET not in message


def test_urls_that_are_right() -> None:
    cluster = services.postgresql("POSTGRESQL://u@db1:5433,db2:5434/portal", 4, 4)
    assert (cluster["HOST"], cluster["PORT"]) == ("db1,db2", "5433,5434")
    assert (
        services.postgresql("postgresql:///portal?host=/run/postgresql", 4, 4)["OPTIONS"]["host"] == "/run/postgresql"
    )
    assert services.redis_queue("unix:///run/redis.sock?db=2", "key")["connection"]["path"] == "/run/redis.sock"
    mail = services.email("smtp+ssl://u:p@[2001:db8::1]:465")
    assert (mail["EMAIL_HOST"], mail["EMAIL_PORT"], mail["EMAIL_USE_SSL"]) == ("2001:db8::1", 465, True)
    assert services.postgresql("postgresql://%2Frun%2Fpostgresql/portal", 4, 4)["HOST"] == "/run/postgresql"
    assert services.postgresql("postgresql://db/portal?connect_timeout=7", 4, 4)["OPTIONS"]["connect_timeout"] == 7
    assert services.email("consolemail://")["EMAIL_BACKEND"].endswith("console.EmailBackend")


@pytest.mark.parametrize("value", ["192.0.2.1, 2001:db8::1", "192.0.2.0/24", "*", "", "127.0.0.1,"])
def test_proxies(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    addresses.proxies(NAME)


@pytest.mark.parametrize(
    "value", ["lb.example.com", "192.0.2.1 192.0.2.2", "192.0.2.1/24", '"192.0.2.1"', "192.0.2.1:80"]
)
def test_proxies_that_uvicorn_would_silently_not_trust(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert refusal(addresses.proxies, NAME).startswith(NAME)


@pytest.mark.parametrize(("value", "expected"), [
    ("/dev/log", "/dev/log"), ("Log.example.com:514 ", "log.example.com:514"), ("[::1]:514", "[::1]:514"), ("", ""),
])  # fmt: skip
def test_syslog(monkeypatch: pytest.MonkeyPatch, value: str, expected: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert addresses.syslog(NAME) == expected


@pytest.mark.parametrize("value", ["log.example.com", "log.example.com:", "log.example.com:x", "udp://log:514", ":514"])
def test_what_is_not_a_syslog_server(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert refusal(addresses.syslog, NAME).startswith(NAME)


@pytest.mark.parametrize("value", [f"a:{KEY}", f" a:{KEY} ,\n b:{KEY}\n", f'"a:{KEY}"', f"a: {KEY},"])
def test_key_rings(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert KEY in environment.key_ring(NAME)


@pytest.mark.parametrize(
    "value", [SECRET, f"a:{SECRET}", KEY, f":{KEY}", f"a:{KEY},a:{KEY}", f"a:{KEY[:-4]}", f"a={KEY}"]
)
def test_key_rings_that_are_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    message = refusal(environment.key_ring, NAME)
    assert message.startswith(NAME)
    assert SECRET not in message
    assert KEY not in message


@pytest.mark.parametrize("value", ["Replica portal", "portal@", "a b@example.com", "<portal>"])
def test_a_sender_without_an_address(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert refusal(services.sender, NAME, "x@y").startswith(NAME)


@pytest.mark.parametrize(
    "value", ["a@example.com, b@example.com", "a@example.com>", "A <a@example.com> <b@example.com>"]
)
def test_a_sender_that_no_message_takes(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert "is not an e-mail address" in refusal(services.sender, NAME, "x@y")


@pytest.mark.parametrize("value", ["a@example.com", "<a@example.com>", "Müller <a@münchen.example>", '"A, B" <a@b>'])
def test_a_sender_with_an_address(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert services.sender(NAME, "x@y") == value


@pytest.mark.parametrize(
    ("url", "encryption"),
    [
        ("smtps://u:p@mail", "EMAIL_USE_SSL"),
        ("smtps://u:p@mail:465", "EMAIL_USE_SSL"),
        ("smtps://u:p@mail:587", "EMAIL_USE_TLS"),
        ("smtp+tls://u:p@mail:587", "EMAIL_USE_TLS"),
        ("smtp+ssl://u:p@mail:465", "EMAIL_USE_SSL"),
    ],
)
def test_the_encryption_of_mail(url: str, encryption: str) -> None:
    mail = services.email(url)
    assert [name for name in ("EMAIL_USE_TLS", "EMAIL_USE_SSL") if mail.get(name)] == [encryption]


def test_files_and_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(NAME, str(tmp_path))
    assert refusal(environment.file, NAME, tmp_path).startswith(f"{NAME} names {tmp_path}, which is not a file")
    monkeypatch.setenv(NAME, f'"{tmp_path / "file"}" ')
    assert environment.file(NAME, tmp_path) == tmp_path / "file"
    monkeypatch.setenv(NAME, str(tmp_path / "file" / "below"))
    assert refusal(environment.folder, NAME, tmp_path).startswith(f"{NAME} names")
    monkeypatch.setenv(NAME, "")
    assert environment.folder(NAME, tmp_path) == tmp_path


@pytest.mark.parametrize(("mode", "verb"), [(os.W_OK, "write"), (os.R_OK | os.X_OK, "read")])
def test_a_folder_without_access_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int, verb: str
) -> None:
    monkeypatch.setattr(os, "access", lambda path, wanted: wanted != mode)
    message = refusal(environment.require_access, NAME, tmp_path, mode)
    assert message.startswith(f"{NAME} names {tmp_path}, where the portal's account may not {verb}.")


def start(argv: list[str], folder: Path, **values: str) -> tuple[int, str]:
    """Return the exit status and everything that was printed."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    done = subprocess.run(
        [sys.executable, *argv],
        env=others | {"PORTAL_DATA_DIR": str(folder)} | values,
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


PROCESSES = {
    "manage.py": ["manage.py", "check"],
    "uvicorn": ["-m", "uvicorn", "portal.asgi:application", "--port", "1"],
}


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize(
    ("name", "value"),
    [("PORTAL_WORKERS", "0"), ("EMAIL_URL", f"smtp+tls://u:p#{SECRET}@mail:587"), ("PORTAL_KEYS", f"a:{SECRET}")],
)
def test_nothing_starts_with_a_wrong_setting(tmp_path: Path, process: str, name: str, value: str) -> None:
    """Neither program shows a traceback, the other settings or the secret."""
    status, output = start(PROCESSES[process], tmp_path, **{name: value})
    assert status == 1
    assert output.startswith(f"The portal does not start: {name} ")
    assert len(output.splitlines()) == 1
    assert SECRET not in output


def test_every_number_is_checked(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'portal.settings'\n"
        "from portal.startup import require_settings\n"
        "for name in sys.argv[1:]:\n"
        "    os.environ[name] = '-1'\n"
        "    try: require_settings()\n"
        "    except SystemExit as error: print(error)\n"
        "    del os.environ[name]\n"
    )
    names = [f"PORTAL_{name}" for name in EVERY_NUMBER]
    status, output = start(["-c", program, *names], tmp_path)
    assert status == 0, output
    lines = output.splitlines()
    assert [line.split()[5] for line in lines] == names
    assert all(' is "-1". Write a' in line for line in lines)


def test_no_setting_is_read_past_these_rules() -> None:
    source = (Path(django_settings.BASE_DIR) / "portal" / "settings.py").read_text()
    assert "os.environ" not in source
    assert "getenv" not in source
    assert "environ.Env" not in source


def test_an_empty_secret_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    status, output = start(PROCESSES["manage.py"], tmp_path)
    assert status == 1
    assert f"PORTAL_SECRET_KEY is not set, and {tmp_path}/secret_key is empty" in output
