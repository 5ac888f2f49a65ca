"""Where Redis is: every form of address, and what is refused without repeating a secret."""

from __future__ import annotations

import pytest

from mesh.domain.errors import Refused
from settings.environment import RedisSettings
from store.address import Where, parse


def test_one_redis_is_asked_for_no_copies() -> None:
    """A plain address is left to the Redis library, and nothing is waited for unless that is said."""
    found = parse("redis://user:secret@host:6380/2")
    assert (found.url, found.sentinels, found.copies) == ("redis://user:secret@host:6380/2", (), 0)
    assert parse(RedisSettings("redis://host", copies=2)).copies == 2
    assert "secret" not in repr(found)


def test_sentinels_are_taken_apart() -> None:
    """Hosts with and without ports, also IPv6, the master's name, the database, the login; one copy unless said."""
    found = parse("redis+sentinel://us%40er:p%2Fw@one:5000,two,[::1]:5001,[fe80::2]/my-master/3")
    assert found.sentinels == (("one", 5000), ("two", 26379), ("::1", 5001), ("fe80::2", 26379))
    assert (found.service, found.db, found.copies) == ("my-master", 3, 1)
    assert found.login == {"username": "us@er", "password": "p/w"}
    assert (found.sentinel_login, found.encrypted) == ({}, False)
    assert parse("rediss+sentinel://one/m").encrypted
    assert parse(RedisSettings("redis+sentinel://one/m", copies=0)).copies == 0


def test_what_stands_beside_the_url_is_used() -> None:
    """Redis and its sentinels have logins of their own, and TLS its files."""
    where = RedisSettings(
        "rediss+sentinel://one/m",
        username="meshbot",
        password="secret",
        sentinel_username="asking",
        sentinel_password="other",
        tls_files=("/ca", "", ""),
    )
    found = parse(where)
    assert found.login == {"username": "meshbot", "password": "secret"}
    assert found.sentinel_login == {"username": "asking", "password": "other"}
    assert found.tls == {"ssl_ca_certs": "/ca"}
    assert "secret" not in repr(where) + repr(found)


WRONG: list[tuple[str | Where, str]] = [
    ("redis+cluster://hunter2@host", "does not begin"),
    ("http://hunter2@host", "does not begin"),
    ("redis+sentinel://hunter2@host", "which master"),
    ("redis+sentinel:///hunter2", "which sentinels"),
    ("redis+sentinel://host/m/hunter2", "which master"),
    ("redis+sentinel://host:hunter2/m", "no host and port"),
    ("redis+sentinel://:1/hunter2", "no host and port"),
    ("redis+sentinel://hunter2:99999999/m", "no host and port"),
    ("redis+sentinel://hunter2:0/m", "no host and port"),
    ("redis+sentinel://hunter2/m/0?db=3", "more behind"),
    ("redis+sentinel://hunter2/m/0#3", "more behind"),
    ("redis+sentinel://[hunter2/m/0", "cannot be read"),
    ("redis://host:hunter2/0", "a database or an option"),
    ("redis://hunter2:99999999/0", "a port"),
    ("redis://hunter2:6379/abc", "a database"),
    ("redis://hunter2:6379/0?db=abc", "an option"),
    ("redis://[hunter2:6379/0", "cannot be read"),
    (RedisSettings("redis://:hunter2@host", password="hunter2"), "holds a password and"),
    (RedisSettings("redis+sentinel://:hunter2@host/m", password="hunter2"), "holds a password and"),
    (RedisSettings("redis://:hunter2@host", tls_files=("/ca", "", "")), "without TLS"),
]


@pytest.mark.parametrize(("where", "why"), WRONG)
def test_what_cannot_be_meant_is_refused(where: str | Where, why: str) -> None:
    """It is named, with what to write instead, and no part of it is repeated."""
    with pytest.raises(Refused, match=why) as refused:
        parse(where)
    assert refused.value.hint
    assert "hunter2" not in refused.value.message + refused.value.hint
