"""BIND's configuration, read by its grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas.clients import named_conf
from replicas.clients.named_conf import Zone
from replicas.errors import DnsError

TEXT = """
// zone "line.example" { type primary; };
# zone "hash.example" { type primary; };
/* zone "block.example" {
   type primary; }; */
options { listen-on port 53 { any; }; forwarders { 192.0.2.53 port 5353; }; };
zone example.com IN { type master; file "a zone \\"b\\" { type primary; };"; };//comment
zone "ad.example.net" { type forward; forwarders { 192.0.2.1; }; };
zone "." { type hint; file "root.hints"; };
zone "Copy.Example.com." { type slave; masters { 192.0.2.1 key ipa; }; };
zone "catalog.example" { type secondary; primaries { 192.0.2.1; }; };
zone "mirror.example" { type mirror; };
zone "chaos.example" CH { type primary; file "x"; };
view "inside" IN { match-clients { 10/8; }; zone "0/26.2.0.192.in-addr.arpa" { type primary; file "y"; }; };
view chaos CH { zone "bind" { type primary; file "z"; }; };
view outside { zone "in-view.example" { in-view inside; }; };
"""


def test_zones_of_any_type_and_view() -> None:
    assert named_conf.zones(TEXT) == (
        Zone("example.com", "primary"),
        Zone("ad.example.net", "forward"),
        Zone(".", "hint"),
        Zone("copy.example.com", "secondary"),
        Zone("catalog.example", "secondary"),
        Zone("mirror.example", "mirror"),
        Zone("chaos.example", "primary", cls="ch"),
        Zone("0/26.2.0.192.in-addr.arpa", "primary", "inside"),
        Zone("bind", "primary", "chaos", "ch"),
        Zone("in-view.example", "", "outside"),
    )


def test_the_journals_of_zones() -> None:
    text = """
    options { directory "/var/cache/bind"; };
    zone "a.example" { type primary; file "/srv/zones/a"; };
    zone "b.example" { type primary; file "b"; journal "/srv/journals/b"; };
    view inside { zone "c.example" { type primary; file "zones/c"; }; };
    zone "d.example" { type forward; };
    """
    wanted = ["/srv/zones/a.jnl", "/srv/journals/b", "", "/var/cache/bind/zones/c.jnl"]
    assert sorted(one.journal for one in named_conf.zones(text)) == sorted(wanted)
    (one,) = named_conf.zones('zone "e.example" { type primary; file "e"; };')
    assert one.journal == "", "the folder is not known"


def test_only_a_complete_key_outside_of_comments_counts() -> None:
    lines = (
        'key "old" { algorithm hmac-md5; };',
        '// key "no" { algorithm a; secret "b"; };',
        'key ipa { secret "c2VjcmV0"; algorithm hmac-sha256; };',
    )
    assert named_conf.keys("\n".join(lines)) == {"ipa": ("hmac-sha256", "c2VjcmV0")}


@pytest.mark.parametrize(
    "text",
    [
        "zone x { type primary; ",
        'zone "x { type primary; };',
        "zone x { type primary; }; };",
        "/* zone x",
        'key ipa { secret "c2VjcmV0',
    ],
)
def test_what_does_not_follow_the_grammar_is_an_error_without_its_text(text: str) -> None:
    with pytest.raises(DnsError) as caught:
        named_conf.parse(text)
    assert "c2VjcmV0" not in str(caught.value)


@given(st.text(alphabet='ab"/*#{};\\ \n', max_size=60))
def test_every_text_ends_in_statements_or_an_error(text: str) -> None:
    try:
        named_conf.zones(text)
        named_conf.keys(text)
    except DnsError:
        pass
