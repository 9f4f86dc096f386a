"""Invented people, enough of them to measure with."""

from collections.abc import Iterator
from itertools import product

GIVEN = (
    "Ada Alan Amina Anna Barbara Bjarne Carol Chen Clara Daniel Dennis Diego Donald Edsger Elena Emil Fatima Felix "
    "Frances Grace Hana Hans Ingrid Ivan James Jean John Joan Julia Karen Ken Lars Leslie Lin Lucia Margaret Maria "
    "Marvin Mei Mikko Nadia Niklaus Noor Olga Omar Paul Peter Radia Rosa Samir Shafi Sofia Stephen Tim Tony Vera "
    "Victor Wendy Yuki Yusuf"
)
FAMILY = (
    "Abbott Adams Ahmed Allen Backus Bauer Becker Bianchi Borg Brooks Carter Cerf Chang Church Clarke Costa Dahl "
    "Davies Diaz Dijkstra Evans Feng Fischer Floyd Garcia Goldberg Hamilton Hansen Hoare Holberton Hopper Huang Ito "
    "Jensen Jones Kay Keller Khan Kim Knuth Kowalski Lamport Larsen Lee Liskov Lopez Lovelace Martin McCarthy Meyer "
    "Milner Minsky Moore Nagy Naur Nguyen Novak Nygaard Okafor Olsen Patel Perlman Petrov Ritchie Rossi Sato Schmidt "
    "Shaw Silva Simon Singh Smith Suzuki Tanaka Thompson Torres Turing Ueda Vogel Walker Wang Weber Wilkes Wilson "
    "Wirth Wong Yang Young Zhou Zuse"
)
FIRST_NUMBER = 100_000

ENTRY = """\
dn: uid={uid},cn=users,cn=accounts,{suffix}
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: inetOrgPerson
objectClass: posixAccount
uid: {uid}
cn: {given} {family}
sn: {family}
givenName: {given}
mail: {uid}@{domain}
uidNumber: {number}
gidNumber: {number}
homeDirectory: /home/{uid}
loginShell: /bin/bash
"""


def entries(count: int, suffix: str, domain: str) -> Iterator[str]:
    """Yield that many users; the same ones each time."""
    # Family names come first, so that a small directory has many of them too.
    people = list(product(GIVEN.split(), FAMILY.split()))
    for index in range(count):
        round_, place = divmod(index, len(people))
        given, family = people[place]
        uid = f"{given}.{family}{round_ + 1 if round_ else ''}".lower()
        yield ENTRY.format(
            uid=uid, given=given, family=family, suffix=suffix, domain=domain, number=FIRST_NUMBER + index
        )
