"""The page of a realm, its topology and its DNS records."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from replicas.actions import look_now
from replicas.lifecycle import looking
from replicas.lifecycle.looking import Progress
from replicas.models import Credential, RealmLook
from replicas.views.topology import NODE_HEIGHT, NODE_WIDTH, OTHER, OUTLINES, Node, draw
from tests.replicas.views.conftest import World
from tests.replicas.views.growing import grow

MASTER, VERIFIED, LOST = "ipaserver.example.com", "verified.example.com", "lost.example.com"
SRV = f"_ldap._tcp.example.com. 3600 IN SRV 0 100 389 {VERIFIED}."
HEALTH: dict[str, Any] = {
    "servers": [
        {"name": MASTER, "roles": ["CA", "DNS"], "problem": ""},
        {"name": VERIFIED, "roles": ["CA"], "problem": ""},
        {"name": LOST, "roles": [], "problem": "lost.example.com does not answer."},
    ],
    "agreements": [
        {"supplier": MASTER, "consumer": VERIFIED, "lag": 0.0, "problem": ""},
        {"supplier": VERIFIED, "consumer": MASTER, "lag": 95.0, "problem": ""},
        {"supplier": MASTER, "consumer": LOST, "lag": None, "problem": "Error (-1) Can't contact LDAP server"},
    ],
    "certificates": [{"what": "Authority of EXAMPLE.COM", "days": 700}, {"what": f"{VERIFIED}, port 636", "days": 12}],
    "bundles": [f"{MASTER}: /var/lib/ipa/replica-info-old.example.com.gpg"],
    "suggested": [{"suffix": "domain", "one": VERIFIED, "other": LOST}],
}
DNS = [
    {"host": VERIFIED, "record": SRV, "servers": {f"{MASTER}.": "nothing"}, "problem": ""},
    {"host": MASTER, "record": SRV.replace(VERIFIED, MASTER), "servers": {f"{MASTER}.": ""}, "problem": ""},
]


@pytest.fixture
def looked(world: World) -> World:
    RealmLook.objects.create(realm=world.master.realm, at=timezone.now(), seconds=1.5, **looking.found(HEALTH, DNS))
    return world


def saw(dns: list[dict[str, Any]] = DNS, **health: Any) -> None:
    """The next look found this."""
    RealmLook.objects.update(**looking.found(HEALTH | health, dns))


def page(world: World, name: str = "realm", who: str = "operator") -> str:
    return world.client(who).get(reverse(name, args=[world.master.realm_id])).content.decode()


def test_everything_that_was_seen_is_on_the_page(looked: World) -> None:
    shown = page(looked)
    for text in (
        "95 s behind",
        "in sync",
        "broken",
        "700 days",
        "12 days",
        "replica-info-old",
        "lost.example.com does",
        f"Another agreement would help: {VERIFIED} with {LOST}, suffix domain.",
    ):
        assert text in shown, text


def test_an_agreement_that_nobody_measured_is_not_called_broken(looked: World) -> None:
    agreement = {"supplier": MASTER, "consumer": VERIFIED, "lag": None, "problem": ""}
    saw(agreements=[agreement], suggested=[])
    shown = page(looked)
    assert "unknown" in shown
    assert "Another agreement would help" not in shown


def picture_in(shown: str) -> ElementTree.Element:
    found = re.search(r"<svg class=\"topology.*?</svg>", shown, re.DOTALL)
    assert found is not None
    return ElementTree.fromstring(found[0])  # noqa: S314 - our own


def test_the_picture_says_everything_in_words_too(looked: World) -> None:
    svg = picture_in(page(looked))
    texts = [text.text for text in svg.iter("text")]
    assert {"in sync", "95 s behind", "broken", "✖ unwell"} <= set(texts)
    looks = [group.get("class") for group in svg.iter("g")]
    assert [look for look in looks if look and look.startswith("edge")] == [
        "edge edge-good",
        "edge edge-late",
        "edge edge-broken",
    ]


def test_every_server_in_the_picture_is_a_link(looked: World) -> None:
    shown = page(looked)
    svg = picture_in(shown)
    linked = {link.get("href", ""): link.findtext("*/title") or "" for link in svg.iter("a")}
    assert len([group for group in svg.iter("g") if "node" in (group.get("class") or "")]) == len(linked)
    assert linked == {
        reverse("master", args=[looked.master.pk]): f"{MASTER}: CA, DNS",
        reverse("replica", args=[looked.verified.pk]): f"{VERIFIED}: CA",
        "#server-3": f"{LOST}. lost.example.com does not answer.",
    }
    assert LOST in shown.split('id="server-3"')[1].split("</li>")[0], "whom the portal does not know"


def test_roles_are_marks_and_stay_when_a_server_is_unwell(looked: World) -> None:
    (server, *_) = HEALTH["servers"]
    ailing = server | {"roles": ["CA", "DNS", "KRA", "AD trust"], "problem": "It does not answer."}
    RealmLook.objects.update(health=HEALTH | {"servers": [ailing], "agreements": []})
    (node,) = [group for group in picture_in(page(looked)).iter("g") if "node" in (group.get("class") or "")]
    assert [text.text for text in node.iter("text")] == [MASTER, *ailing["roles"], "✖ unwell"]
    assert len(list(node.iter("path"))) == len({*OUTLINES.values()} - {OTHER}) == 4, "each has its own shape"
    across = [float(place) for path in node.iter("path") for place in re.findall(r"[MH]([\d.]+)", path.get("d") or "")]
    (rect,) = node.iter("rect")
    assert float(rect.get("x") or 0) < min(across)
    assert max(across) < float(rect.get("x") or 0) + NODE_WIDTH


def in_box(node: Node, x: float, y: float) -> bool:
    return abs(node.x - x) < NODE_WIDTH / 2 and abs(node.y - y) < NODE_HEIGHT / 2


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 12])
def test_no_two_servers_stand_on_each_other(count: int) -> None:
    servers: list[dict[str, Any]] = [{"name": f"host{number}", "roles": [], "problem": ""} for number in range(count)]
    agreements = [
        {"supplier": f"host{one}", "consumer": f"host{(one + 1) % count}", "lag": 0.0, "problem": ""}
        for one in range(count)
        if count > 1
    ]
    picture = draw(servers, agreements, {one["name"]: "#" for one in servers})
    for node in picture.nodes:
        assert 0 <= node.left <= picture.width - NODE_WIDTH
        assert 0 <= node.top <= picture.height - NODE_HEIGHT
        for other in picture.nodes:
            apart = abs(node.x - other.x) >= NODE_WIDTH or abs(node.y - other.y) >= NODE_HEIGHT
            assert node is other or apart, (node, other)
    for edge in picture.edges:
        for x, y in ((edge.x1, edge.y1), (edge.x2, edge.y2)):
            assert not any(in_box(node, x, y) for node in picture.nodes), "a line ends beside its box"
        assert 0 < edge.label_x < picture.width
        assert 0 < edge.label_y < picture.height
        back = [other for other in picture.edges if (other.supplier, other.consumer) == (edge.consumer, edge.supplier)]
        assert all(math.hypot(other.label_x - edge.label_x, other.label_y - edge.label_y) > 30 for other in back)
    assert all(math.hypot(edge.x2 - edge.x1, edge.y2 - edge.y1) > 10 for edge in picture.edges)


def test_missing_records_are_marked_copied_and_added(looked: World) -> None:
    shown = page(looked, "realm_dns")
    assert shown.count('class="missing"') == 1
    assert SRV in shown.split('id="records">')[1].split("</pre>")[0]
    where = reverse("realm_records", args=[looked.master.realm_id])
    assert where in shown
    assert where not in page(looked, "realm_dns", "viewer")


def test_a_silent_name_server_is_no_missing_record(looked: World) -> None:
    servers = {
        f"{MASTER}.": "",
        "ns2.example.com.": "The name server 192.0.2.54 does not answer: no answer within 3 s.",
    }
    saw([DNS[1] | {"servers": servers, "silent": ["ns2.example.com."]}])
    shown = page(looked, "realm_dns")
    assert 'class="missing"' not in shown
    assert "no answer within 3 s" in shown
    assert 'id="records"' not in shown
    shown = looked.client("viewer").get(reverse("dashboard")).content.decode()
    assert "1 name server does not answer" in shown
    assert "record missing" not in shown
    saw([DNS[1] | {"servers": dict.fromkeys(servers, "It does not answer."), "silent": list(servers)}])
    assert 'class="missing"' in page(looked, "realm_dns"), "nobody serves it"


def test_the_dashboard_sums_it_up(looked: World) -> None:
    shown = looked.client("viewer").get(reverse("dashboard")).content.decode()
    for text in (
        "needs care",
        "3 servers",
        "1 unwell",
        "1 agreement broken",
        f"{VERIFIED}, port 636: its certificate has 12 days left",
        "1 record missing",
        "1 bundle",
    ):
        assert text in shown, text


def test_the_dashboard_names_every_agreement_with_its_lag_the_worst_first(looked: World) -> None:
    more = [
        {"supplier": VERIFIED, "consumer": LOST, "lag": None, "problem": ""},
        {"supplier": LOST, "consumer": "far.example.org", "lag": 7200.0, "problem": "Error (18)"},
    ]
    saw(agreements=HEALTH["agreements"] + more)
    shown = looked.client("viewer").get(reverse("dashboard")).content.decode().split('class="lags">')[1]
    rows = [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in shown.split("</div>")[0].split("</li>")]
    assert rows == [
        "broken ipaserver → lost, unknown",
        "broken lost → far.example.org, 7200 s behind",
        "unknown verified → lost",
        "2 more agreements 95 s behind verified → ipaserver",
        "in sync ipaserver → verified",
        "",
    ]


def test_the_dashboard_shows_no_lags_that_may_be_over(looked: World) -> None:
    RealmLook.objects.update(**looking.failed("ipaserver.example.com does not answer.", ""))
    shown = looked.client("viewer").get(reverse("dashboard")).content.decode()
    assert "ipaserver.example.com does not answer." in shown
    assert "behind" not in shown
    saw(agreements=[])
    assert "no replication agreements found" in looked.client("viewer").get(reverse("dashboard")).content.decode()


def test_the_dashboard_leads_to_the_agreements_that_it_does_not_show(looked: World) -> None:
    saw(agreements=agreements(40))
    shown = looked.client("viewer").get(reverse("dashboard")).content.decode()
    rows = re.findall(r"<span>\S+ → (\S+)</span>", shown)
    assert rows == [f"host{number}" for number in range(39, 27, -1)]
    assert "37 more agreements" in shown
    assert "All 40 agreements" in shown
    assert f'href="{reverse("realm", args=[looked.master.realm_id])}#agreements"' in shown


def test_the_dashboard_shows_the_realms_that_need_care_and_leads_to_all(looked: World) -> None:
    saw(agreements=[], certificates=[], bundles=[], servers=[], dns=[])
    grow(looked, range(12))
    RealmLook.objects.filter(realm__name="GROWN11.EXAMPLE").update(**looking.failed("It does not answer.", ""))
    RealmLook.objects.filter(realm__name="GROWN5.EXAMPLE").delete()
    browser = looked.client("viewer")
    shown = browser.get(reverse("dashboard"))
    names = [one.realm.name.removesuffix(".EXAMPLE") for one in shown.context["realms"]]
    assert names == ["GROWN11", *(f"GROWN{number}" for number in (0, 1, 10, 2, 3, 4, 6, 7, 8))]
    assert "All 13 realms" in shown.content.decode()
    every = browser.get(reverse("realms")).context["realms"]
    assert [one.realm.name for one in every][-2:] == ["GROWN5.EXAMPLE", "EXAMPLE.COM"]
    assert [str(one.level.label) for one in every][-2:] == ["not looked at", "well"]


def test_many_agreements_and_certificates_are_pages_the_worst_first(looked: World) -> None:
    certificates = [{"what": f"host{number}", "days": number} for number in range(90, 30, -1)]
    saw(agreements=agreements(60), certificates=certificates)
    where = reverse("realm", args=[looked.master.realm_id])
    shown = looked.client("viewer").get(where)
    assert [one["lag"] for one, _, _ in shown.context["agreements"]] == [float(lag) for lag in range(59, 34, -1)]
    assert [one["days"] for one in shown.context["certificates"]] == list(range(31, 56))
    assert 'href="?agreements=2#agreements"' in shown.content.decode()
    last = looked.client("viewer").get(where, {"agreements": 3, "certificates": 9}).context
    assert [one["lag"] for one, _, _ in last["agreements"]] == [float(lag) for lag in range(9, -1, -1)]
    assert [one["days"] for one in last["certificates"]] == list(range(81, 91))


def test_of_many_records_those_that_differ_are_first(looked: World) -> None:
    servers = {f"ns{number}.": "" for number in range(30)}
    rows = [{"host": MASTER, "record": f"r{number}", "servers": servers, "problem": ""} for number in range(100)]
    rows[99] = rows[99] | {"servers": servers | {"ns3.": "nothing"}}
    rows[60] = rows[60] | {"servers": {}, "problem": "no zone"}
    saw(dns=rows)
    where = reverse("realm_dns", args=[looked.master.realm_id])
    shown = looked.client("viewer").get(where).context
    assert [one.row["record"] for one in shown["rows"]][:4] == ["r60", "r99", "r0", "r1"]
    assert shown["lines"] == ["r60", "r99"]
    page = looked.client("viewer").get(where).content.decode()
    for text in ("29 of 30 serve it", "nothing: ns3.", "30 of 30 serve it", "no zone"):
        assert text in page, text
    last = looked.client("viewer").get(where, {"page": 2})
    assert len(last.context["rows"]) == 50
    assert last.content.decode().count("30 of 30 serve it") == 50


def agreements(count: int) -> list[dict[str, Any]]:
    return [
        {"supplier": MASTER, "consumer": f"host{number}.example.com", "lag": float(number), "problem": ""}
        for number in range(count)
    ]


def test_a_realm_that_could_not_be_asked_says_why_and_what_was_before(looked: World) -> None:
    look = RealmLook.objects.get()
    assert look.read_at is not None
    assert not look.stale
    assert 'class="stale"' not in page(looked)
    failed = look.read_at + timedelta(hours=3)
    RealmLook.objects.update(**looking.failed("ipaserver.example.com does not answer.", "Start it."), at=failed)
    for shown in (page(looked), page(looked, "realm_dns")):
        before, after = (f"{timezone.localtime(moment):%H:%M:%S}" for moment in (look.read_at, failed))
        said = " ".join(re.sub(r"<[^>]*>", "", shown).split())
        assert re.search(rf"The check of [^.]*{after} failed\. Below is what the check of [^.]*{before} found\.", said)
        assert "Start it." in shown
        assert '<div class="stale">' in shown
    assert "95 s behind" in page(looked)


def test_a_check_of_an_older_portal_has_no_time(looked: World) -> None:
    look = RealmLook.objects.get()
    assert look.health
    look.health.pop("read_at")
    RealmLook.objects.update(
        **looking.failed("ipaserver.example.com does not answer.", "Start it."), health=look.health
    )
    assert "Below is what an earlier check found. It may no longer be true." in page(looked)


def moved(**seconds: float) -> RealmLook:
    """A check of which these things happened so long ago."""
    now = timezone.now()
    return RealmLook(**{name: now - timedelta(seconds=ago) for name, ago in seconds.items()})


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        ({}, Progress.NONE),
        ({"at": 60}, Progress.NONE),
        ({"asked_at": 70, "started_at": 69, "at": 60}, Progress.NONE),
        ({"asked_at": 5}, Progress.QUEUED),
        ({"asked_at": 5, "started_at": 80, "at": 60}, Progress.QUEUED),
        ({"asked_at": 30, "started_at": 80, "at": 60}, Progress.UNATTENDED),
        ({"asked_at": 5, "started_at": 4, "at": 60}, Progress.WORKING),
        ({"asked_at": 70, "started_at": 60}, Progress.WORKING),
        ({"asked_at": 9000, "started_at": 8000, "at": 9999}, Progress.NONE),
    ],
)
def test_the_progress_of_a_check(seconds: dict[str, float], state: Progress) -> None:
    assert looking.progress(moved(**seconds), timezone.now()) is state


@pytest.mark.parametrize(
    ("seconds", "words", "wrong"),
    [
        ({"asked_at": 1}, "Checking the realm…", "no worker"),
        ({"asked_at": 30}, "Make sure a worker is running.", "Checking the realm…"),
        ({"asked_at": 30, "started_at": 29}, "Checking the realm…", "no worker"),
        ({"asked_at": 30, "started_at": 29, "at": 20}, "Checked", "Checking the realm…"),
    ],
)
def test_the_pages_of_a_realm_say_whether_it_is_checked(
    looked: World, seconds: dict[str, float], words: str, wrong: str
) -> None:
    now = timezone.now()
    fields: dict[str, Any] = {"at": now - timedelta(hours=1), "started_at": None}
    fields |= {name: now - timedelta(seconds=ago) for name, ago in seconds.items()}
    RealmLook.objects.update(**fields)
    for name in ("realm", "realm_dns"):
        shown = page(looked, name)
        assert words in shown
        assert wrong not in shown


def test_no_second_check_begins_beside_one_that_works(world: World) -> None:
    realm, now = world.master.realm, timezone.now()
    assert looking.claim(realm, 0)
    assert looking.claim(realm, 0), "no worker has begun it"
    RealmLook.objects.update(started_at=timezone.now())
    assert not looking.claim(realm, 0)
    RealmLook.objects.update(at=timezone.now())
    assert looking.claim(realm, 0)
    long_ago = now - timedelta(seconds=looking.MOST_SECONDS + 1)
    RealmLook.objects.update(asked_at=long_ago, started_at=long_ago, at=None)
    assert looking.claim(realm, 0), "its worker is gone"
    RealmLook.objects.update(asked_at=None, started_at=timezone.now(), at=None)
    assert looking.claim(realm, 900), "a run has ended"


def test_looking_now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(look_now, "look", asked.append)
    monkeypatch.setattr(transaction, "on_commit", lambda work: work())
    where = reverse("realm_look", args=[world.master.realm_id])
    assert "Checking the realm…" in world.client("operator").post(where, follow=True).content.decode()
    assert asked == [world.master.realm_id]
    shown = world.client("approver").post(where, {"page": "realm_dns"}, follow=True)
    assert "is being checked already" in shown.content.decode()
    assert shown.request["PATH_INFO"] == reverse("realm_dns", args=[world.master.realm_id])
    assert asked == [world.master.realm_id]
    ended = timezone.now() - timedelta(seconds=20)
    RealmLook.objects.update(asked_at=ended - timedelta(seconds=2), at=ended)
    after = world.client("operator").post(where, follow=True).content.decode()
    assert re.search(r"was checked 2[23] s ago\. Refresh again in 3[78] s\.", after)
    assert "Checking the realm…" not in after
    assert asked == [world.master.realm_id]
    RealmLook.objects.all().delete()
    Credential.objects.all().delete()
    assert "is not stored" in world.client("operator").post(where, follow=True).content.decode()
    assert len(asked) == 1
