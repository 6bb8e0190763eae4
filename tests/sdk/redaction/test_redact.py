import copy
import random
import string
import uuid
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.model import Event, Span, SpanEvent, SpanLink
from firstlight.sdk.redaction.cards import luhn
from firstlight.sdk.redaction.redact import Policy, Redactor
from firstlight.sdk.redaction.sensitive_names import SensitiveNames, is_sensitive

ROOT = Path(__file__).parents[3]
LETTERS_AND_DIGITS = string.ascii_letters + string.digits
URL_SAFE = LETTERS_AND_DIGITS + "-_"
CARD_NUMBERS = [
    "4111111111111111",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "6205500000000000004",
]


def chars(alphabet: str, length: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=length)


def opaque(length: int = 20) -> st.SearchStrategy[str]:
    """Something no word is: letters with digits among them."""
    return chars(LETTERS_AND_DIGITS, length - 2).map(lambda text: f"7{text}q")


def formed(template: str, secret: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    """Return pairs of a text with a secret and the part of it that must not be seen again."""
    return secret.map(lambda found: (template.replace("*", found), found))


SECRETS = st.one_of(
    formed("Authorization: Bearer *", opaque()),
    formed("authorization=bearer *", opaque()),
    formed('{"Authorization": "Bearer *"}', opaque()),
    formed("{'authorization': 'Token *'}", opaque()),
    formed("AUTHORIZATION: *", opaque()),
    formed("sent bearer * along", opaque(30)),
    formed("BEARER *", opaque(30)),
    formed("Proxy-Authorization: Basic *", opaque()),
    formed("Basic *", opaque(9).map(lambda word: b64encode(f"anna:{word}".encode()).decode())),
    formed("Cookie: theme=dark; sid=*; lang=de", opaque()),
    formed("Set-Cookie: id=*; HttpOnly", opaque()),
    formed("password=*", opaque(8)),
    formed("passwd: *", opaque(8)),
    formed("PASSWORD = *", opaque(8)),
    formed("PassPhrase   = *", opaque(8)),
    formed("config['password']   => *", opaque(8)),
    formed('"password" : "*"', opaque(8)),
    formed('{\\"password\\": \\"*\\"}', opaque(8)),
    formed("config['db_password'] = '*'", opaque(8)),
    formed("connect(user='anna', pwd=\"*\")", opaque(8)),
    formed("https://example.org/reset?user=1&token=*&next=/", opaque()),
    formed("https://bucket.example.org/x?X-Amz-Signature=*", chars("0123456789abcdef", 64).map(lambda h: "1" + h)),
    formed("api_key=*", opaque()),
    formed("X-Api-Key: *", opaque()),
    formed("aws_secret_access_key = *", chars(LETTERS_AND_DIGITS + "+/", 38).map(lambda text: f"9{text}")),
    formed("AccountKey=*;EndpointSuffix=core", opaque(40)),
    formed("client_secret: *", opaque()),
    formed("postgresql://shop:*@db.internal:5432/shop", opaque(12)),
    formed("redis://:*@cache", opaque(12)),
    formed("key * used", chars(string.ascii_uppercase + "234567", 16).map("AKIA{}".format)),
    formed("*", chars(string.ascii_uppercase + "234567", 16).map("ASIA{}".format)),
    formed("*", chars(URL_SAFE, 35).map("AIza{}".format)),
    *(formed("it is *.", chars(LETTERS_AND_DIGITS, 36).map((start + "{}").format)) for start in
      ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_", "sk_live_", "rk_live_", "hf_")),
    formed("*", chars(LETTERS_AND_DIGITS + "_", 60).map("github_pat_{}".format)),
    formed("*", chars(URL_SAFE, 20).map("glpat-{}".format)),
    formed("*", chars(LETTERS_AND_DIGITS + "-", 40).map("xoxb-{}".format)),
    formed("*", opaque(40).map("sk-proj-{}".format)),
    formed("*", opaque(40).map("sk-ant-api03-{}".format)),
    formed("*", chars(URL_SAFE, 80).map("pypi-AgEIcHlwaS5vcmc{}".format)),
    formed("*", st.tuples(chars(URL_SAFE, 22), chars(URL_SAFE, 43)).map(lambda parts: "SG.{}.{}".format(*parts))),
    formed("*", st.tuples(chars(URL_SAFE, 20), chars(URL_SAFE, 40), chars(URL_SAFE, 43)).map(
        lambda parts: "eyJhbGci{}.eyJzdWIi{}.{}".format(*parts))),
    formed("-----BEGIN RSA PRIVATE KEY-----\n*\n-----END RSA PRIVATE KEY-----", chars(LETTERS_AND_DIGITS, 64)),
    formed("-----BEGIN PRIVATE KEY-----\n*", chars(LETTERS_AND_DIGITS, 64)),
    st.sampled_from(CARD_NUMBERS).map(lambda number: (f"paid with {number}", number)),
    st.sampled_from(["4111 1111 1111 1111", "5555-5555-5555-4444", "3782 822463 10005", "3056-930902-5904"]).map(
        lambda number: (f"card: {number}, thanks", number)
    ),
)  # fmt: skip
AROUND = st.sampled_from(["", "x ", "2026-11-22 18:47:02 INFO ", "größe ✓ ", "a=1 b=2 ", "(", "\n"])


def nested(value: Any, path: list[int]) -> Any:
    for step in path:
        value = [{"inner": value, "n": 1}, [1, value], {"a": {"b": value}}][step]
    return value


def seen(*rows: Event | Span) -> str:
    return msgspec.json.encode(rows).decode()


@given(SECRETS, AROUND, AROUND, st.lists(st.integers(0, 2), max_size=2), st.integers(0, 5))
def test_no_secret_is_seen_again(secret: tuple[str, str], before: str, after: str, path: list[int], place: int) -> None:
    text, hidden = secret
    text = before + text + (f" {after}" if after else "")
    value = nested(text, path)
    rows: list[Event | Span] = [Event(0, f"quiet{number}", attributes={"zone": "north"}) for number in range(3)]
    row: Event | Span
    if place == 0:
        row = Event(1, "paid", body=text)
    elif place == 1:
        row = Event(1, "paid", attributes={"note": value})
    elif place == 2:
        row = Event(1, text)
    elif place == 3:
        row = Span(1, 2, "pay", "a" * 32, "b" * 16, status="error", status_message=text)
    elif place == 4:
        row = Span(1, 2, text, "a" * 32, "b" * 16, attributes={"note": value})
    else:
        row = Span(1, 2, "pay", "a" * 32, "b" * 16)
        row.events = [SpanEvent(1, "exception", {"exception.message": value})]
        row.links = [SpanLink("a" * 32, "b" * 16, {"why": value})]
    assert hidden[:64].replace("\n", "\\n") in seen(row)
    rows.append(row)
    redactor = Redactor()
    redactor.batch([one for one in rows if isinstance(one, Event)], [one for one in rows if isinstance(one, Span)])
    assert hidden not in seen(*rows)
    assert "redacted" in seen(*rows)
    assert sum(redactor.counts().values()) >= 1


@pytest.mark.parametrize("number", CARD_NUMBERS)
def test_a_card_given_as_a_number_is_hidden(number: str) -> None:
    event = Event(0, "paid", attributes={"with": int(number), "list": [int(number)]})
    Redactor().batch([event], [])
    assert event.attributes == {"with": "[redacted:card]", "list": ["[redacted:card]"]}


HIDDEN_NAMES = [
    *("password", "db_password", "userPassword", "PASSWORD", "passwd", "Authorization", "authorization", "cookie"),
    *(
        "http.request.header.cookie",
        "Set-Cookie",
        "X-Api-Key",
        "api_key",
        "apiKey",
        "apikey",
        "secret",
        "client_secret",
    ),
    *("token", "access_token", "accessToken", "csrf_token", "csrftoken", "X-CSRF-Token", "private_key", "session"),
    *("session_token", "sessionid", "password_hash", "credentials", "cvv", "jwt", "secret_id", "AWS_SECRET_ACCESS_KEY"),
]
SHOWN_NAMES = [
    *(
        "tokens_total",
        "token_count",
        "tokens",
        "max_tokens",
        "token_id",
        "session_id",
        "sessionId",
        "key",
        "public_key",
    ),
    *("partition_key", "cache_key", "password_length", "has_password", "passenger", "author", "authority", "monkey"),
    *("cookie_count", "secretary", "secret_name", "keyboard", "session.duration", "token_type", "auth", "pin", "", "π"),
]


@pytest.mark.parametrize("name", HIDDEN_NAMES)
def test_the_value_of_a_sensitive_name_is_hidden_at_any_depth(name: str) -> None:
    event = Event(0, "x", attributes={name: "n", "deep": {"list": [{name: {"of": "any"}}]}, "zone": "north"})
    Redactor().batch([event], [])
    hidden = "[redacted:field]"
    assert event.attributes == {name: hidden, "deep": {"list": [{name: hidden}]}, "zone": "north"}


@pytest.mark.parametrize("name", SHOWN_NAMES)
def test_a_name_that_only_sounds_so_is_left(name: str) -> None:
    assert not is_sensitive(name)


def test_whether_there_is_a_secret_is_none() -> None:
    fields = {"password": None, "token": True, "secret": "", "cookie": False}
    event = Event(0, "x", attributes=fields)
    Redactor().batch([event], [])
    assert event.attributes is fields


def untouched(text: str) -> bool:
    event = Event(0, "x", body=text, attributes={"note": text})
    Redactor().batch([event], [])
    return (event.body, event.attributes) == (text, {"note": text})


@pytest.mark.parametrize(
    "text",
    [
        "the token expired, please sign in again",
        "token: expired",
        "password: required",
        "secret santa: everybody",
        "basic authentication is off",
        "the bearer of this letter",
        "key=value other_key=17",
        "next_token=none",
        "session=3",
        "see https://example.org/a?page=2#token",
        "mailto:anna@example.org",
        "git@github.com:owner/name.git",
        "ssh://git@example.org/name.git",
        "4111 1111 1111 1112",
        "1234567890123456",
        "order 9007199254740993 of 2026-11-22 18:47:02.123456789",
        "2026112218470212",
        "0.4111111111111111",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331",
        "risk-assessment-of-the-whole-department",
        "task-0123456789012345678901",
        "AKIA is a prefix; eyJ is another",
        "sk-learn",
        "Expected ':' after name=",
    ],
)
def test_ordinary_text_is_left(text: str) -> None:
    assert untouched(text)


@given(st.integers(0, 2**128 - 1), st.integers(1_000_000_000, 2_100_000_000), st.integers(0, 10**9 - 1))
def test_ids_and_times_are_left(number: int, seconds: int, nanoseconds: int) -> None:
    times = {
        "s": seconds,
        "ms": seconds * 10**3 + nanoseconds // 10**6,
        "us": seconds * 10**6 + nanoseconds // 10**3,
        "ns": seconds * 10**9 + nanoseconds,
    }
    fields = {**times, **{f"{unit} text": str(time) for unit, time in times.items()}, "float": nanoseconds / 3e9}
    fields |= {"uuid": str(uuid.UUID(int=number)), "hex": f"{number:032x}"}
    event = Event(0, "x", attributes=fields)
    Redactor().batch([event], [])
    assert event.attributes is fields


def test_our_own_sources_and_pages_are_left() -> None:
    paths = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"]
    about_secrets = {"redact.py", "hiding.py", "patterns.py", "sensitive_names.py", "redaction.md"}
    lines = [line for path in paths if path.name not in about_secrets for line in path.read_text().splitlines()]
    events = [Event(0, "x", body=line) for line in lines]
    Redactor().batch(events, [])
    changed = [(line, event.body) for line, event in zip(lines, events, strict=True) if line != event.body]
    assert len(lines) > 15_000
    # What is left are assignments that would be secrets if they were not examples.
    assert len(changed) < len(lines) / 1000, changed


def test_a_dict_is_never_changed_itself_and_a_clean_row_keeps_its_own() -> None:
    secret, clean = {"password": "x", "zone": {"token": "y"}}, {"zone": "north"}
    before = copy.deepcopy(secret)
    events = [Event(0, "x", attributes=secret), Event(0, "x", attributes=clean)]
    Redactor().batch(events, [])
    assert secret == before
    assert events[0].attributes["zone"] == {"token": "[redacted:field]"}
    assert events[1].attributes is clean


def test_the_rest_of_the_text_stays() -> None:
    event = Event(0, "x", body="GET https://anna:geheim12@example.org/a?token=abcdef123456&page=2 took 12 ms")
    Redactor().batch([event], [])
    assert event.body == "GET https://anna:[redacted:password]@example.org/a?token=[redacted:token]&page=2 took 12 ms"


def test_what_was_hidden_is_counted_by_kind_once() -> None:
    redactor = Redactor()
    events = [Event(0, "x", body="password=abc12345 token=abcdef123456", attributes={"cookie": "a"}) for _ in range(3)]
    redactor.batch(events, [])
    assert redactor.counts() == {"password": 3, "token": 3, "field": 3}


def test_emails_and_account_numbers_are_hidden_when_asked_for() -> None:
    text = "anna.k+shop@mail.example.org pays from DE89 3704 0044 0532 0130 00, not DE88370400440532013000"
    assert untouched(text)
    event = Event(0, "x", body=text)
    Redactor(Policy(emails=True, ibans=True)).batch([event], [])
    assert event.body == "[redacted:email] pays from [redacted:iban], not DE88370400440532013000"


def test_cards_are_left_when_asked_for_and_so_is_everything() -> None:
    for policy in (Policy(cards=False), Policy(enabled=False)):
        event = Event(0, "x", body="4111111111111111")
        Redactor(policy).batch([event], [])
        assert event.body == "4111111111111111"


def test_a_pseudonym_is_the_same_for_the_same_value_and_key() -> None:
    def shown(text: str, key: bytes) -> str:
        event = Event(0, "x", body=text)
        Redactor(Policy(emails=True, pseudonym_key=key, pseudonyms=frozenset({"email"}))).batch([event], [])
        return event.body

    anna = shown("anna@example.org", b"k1")
    assert anna == shown("anna@example.org", b"k1")
    assert anna.startswith("[email:")
    assert len({anna, shown("bert@example.org", b"k1"), shown("anna@example.org", b"k2")}) == 3
    assert shown(anna, b"k1") == anna


def test_pseudonyms_need_a_key_and_patterns_must_compile() -> None:
    with pytest.raises(UsageError, match="pseudonym_key"):
        Redactor(Policy(pseudonyms=frozenset({"email"})))
    with pytest.raises(UsageError, match="'order'"):
        Redactor(Policy(patterns={"order": "("}))


def test_own_names_patterns_and_finders_are_added_and_fields_allowed() -> None:
    policy = Policy(
        names=frozenset({"Nickname"}),
        allowed=frozenset({"token"}),
        patterns={"patient": r"P-(\d{6})"},
        finders={"swear": lambda text: text.replace("blast", "***")},
    )
    fields = {"nickname": "Nan", "token": "password=abcdef123", "note": "P-123456 and blast it"}
    event = Event(0, "x", attributes=fields)
    redactor = Redactor(policy)
    redactor.batch([event], [])
    assert event.attributes == {
        "nickname": "[redacted:field]",
        "token": "password=abcdef123",
        "note": "P-[redacted:patient] and *** it",
    }
    assert redactor.counts() == {"field": 1, "patient": 1, "swear": 1}


def test_a_finder_that_fails_hides_all_that_it_was_given() -> None:
    event = Event(0, "x", body="something long")
    Redactor(Policy(finders={"broken": lambda _: str(1 / 0)})).batch([event], [])
    assert event.body == "[redacted:failed]"


def test_what_cannot_be_encoded_is_looked_at_all_the_same() -> None:
    event = Event(0, "\ud800 password=abc12345", attributes={"object": object(), "note": "token=abcdef123456"})
    Redactor().batch([event], [])
    assert event.name.endswith("password=[redacted:password]")
    assert event.attributes["note"] == "token=[redacted:token]"


def test_what_lies_too_deep_to_be_looked_at_does_not_leave() -> None:
    value: Any = "password=abc12345"
    for _ in range(20):
        value = {"deeper": value}
    event = Event(0, "x", attributes={"deep": value})
    Redactor().batch([event], [])
    assert "abc12345" not in seen(event)


def test_names_are_remembered_within_bounds() -> None:
    names = SensitiveNames()
    for number in range(20_000):
        assert names.is_sensitive(f"password {number}")
        assert not names.is_sensitive(f"zone {number}")
    assert len(names._clean) + len(names._sensitive) <= 4096


HOSTILE = [
    *("eyJ", "_eyJ", "eyJaaaaaaaaa.", "password", "password=", "password='", 'password="', "://a:", "://", "a:b@", "@"),
    *("a.", "a", "1", "1 ", "1234 ", "sk-", "xoxb-", "pypi-", "SG.", "ghp_", "Bearer ", "authorization: ", "cookie="),
    *("Authorization: Digest ", "Cookie: a=", "=", ":", '"', "\\", " ", "token = ", "AB12 "),
    "-----BEGIN PRIVATE KEY-----",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_text_made_to_stall_the_patterns_does_not(piece: str) -> None:
    hints = " @ password=1 ://a@ eyJ 11111111111111 sk-"
    event = Event(0, "x", body=(piece * 100_000)[:100_000] + hints)
    # One pattern that takes time by the square of its text would be busy here for minutes.
    Redactor(Policy(emails=True, ibans=True)).batch([event], [])
    assert event.body


def test_luhn() -> None:
    assert luhn("79927398713")
    assert not any(luhn(f"7992739871{digit}") for digit in "012456789")


def test_many_rows_hide_only_what_is_secret() -> None:
    pick = random.Random(5)
    secret = set(pick.sample(range(2000), 40))
    events = [Event(i, "x", body="token=abcdef123456" if i in secret else f"row {i} ok") for i in range(2000)]
    redactor = Redactor()
    redactor.batch(events, [])
    assert {event.time_ns for event in events if "redacted" in event.body} == secret
    assert redactor.counts() == {"token": 40}
