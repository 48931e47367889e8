"""Every way in, tried on a running server: who is let in, who is not, and what nobody gets."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import feature_body, running
from credentials_made import (
    IssuerServer,
    claims,
    key_in,
    public_jwk,
    signed_with_public_key,
    token,
    unsigned,
)
from rude_client import RudeClient, waited_for

from creditrisk.core.settings import RateLimitSettings
from creditrisk.serve.security import Scope, keys
from creditrisk.serve.security.issuer import AUDIENCE_VARIABLE, ISSUER_VARIABLE
from creditrisk.serve.security.keys import KEY_FILE_VARIABLE, KeyFile

NOW = int(time.time())
SOME_ID = "0" * 26
OPEN, KNOWN = "open", "known"
# What each door asks for: nothing, a known caller, or a scope.
DOORS = {
    ("GET", "/health"): OPEN,
    ("GET", "/ready"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/metadata"): KNOWN,
    ("GET", "/schema"): KNOWN,
    ("POST", "/validate"): Scope.PREDICT,
    ("POST", "/predict"): Scope.PREDICT,
    ("GET", "/decisions/{decision_id}"): Scope.AUDIT,
    ("GET", "/decisions/{decision_id}/replay"): Scope.AUDIT,
    ("GET", "/metrics"): Scope.ADMIN,
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[IssuerServer]:
    """An issuer that the server asks for its keys."""
    with IssuerServer() as server:
        yield server


class Doors:
    """A server that knows keys and an issuer, and a key of each scope."""

    def __init__(self, api: RudeClient, file: Path, issuer: IssuerServer, bundle: Path) -> None:
        self.api, self.file, self.issuer, self.bundle = api, file, issuer, bundle
        self.keys = {scope: key_in(file, *_usable(scope), name=scope) for scope in Scope}
        self.secrets = [key.split("_", 2)[2] for key in self.keys.values()]

    def key(self, *scopes: Scope, **details: Any) -> str:
        """A further key, known to the server once this returns."""
        made = self.unknown_key(*scopes, **details)
        waited_for(lambda: self.status(made) != 401)
        return made

    def unknown_key(self, *scopes: Scope, **details: Any) -> str:
        """A further key that the server has not read yet, or never takes."""
        made = key_in(self.file, *scopes, **details)
        self.secrets.append(made.split("_", 2)[2])
        return made

    def token(self, key: str = "rsa", algorithm: str = "RS256", **said: Any) -> str:
        """A token of the issuer's."""
        made = token(claims(self.issuer.issuer, **said), key, algorithm)
        self.secrets.append(made)
        return made

    def status(self, credential: str | None) -> int:
        """What the door of /metadata answers."""
        return self.api.ask("GET", "/metadata", credential).status

    def payload(self, **more: Any) -> dict[str, Any]:
        """One record that the model takes."""
        return {**feature_body(self.bundle), **more}


def _usable(scope: Scope) -> tuple[Scope, ...]:
    return (Scope.PREDICT, scope) if scope is Scope.OVERRIDE else (scope,)


@pytest.fixture(scope="module")
def doors(
    tmp_path_factory: pytest.TempPathFactory, issuer: IssuerServer, bundle: Path
) -> Iterator[Doors]:
    """A running server with all of that."""
    folder = tmp_path_factory.mktemp("doors")
    key_in(folder / "keys.json", name="first")
    environment = {
        KEY_FILE_VARIABLE: str(folder / "keys.json"),
        ISSUER_VARIABLE: issuer.url,
        AUDIENCE_VARIABLE: issuer.issuer.audience,
    }
    with running(folder, "--bundle", str(bundle), environment=environment) as server:
        made = Doors(RudeClient(server), folder / "keys.json", issuer, bundle)
        waited_for(lambda: made.status(made.keys[Scope.ADMIN]) == 200)
        yield made


def test_no_door_is_forgotten(doors: Doors) -> None:
    """Every path that the API documents stands in the table above."""
    paths = doors.api.ask("GET", "/openapi.json").content["paths"]
    documented = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert documented == set(DOORS) - {("GET", "/openapi.json"), ("GET", "/docs")}


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_each_door_opens_for_its_scope_alone(doors: Doors, door: tuple[str, str]) -> None:
    """Nobody unknown passes what is not open, and no scope but the needed one opens a door."""
    method, path = door[0], door[1].format(decision_id=SOME_ID)
    body = doors.payload() if method == "POST" else None
    needed = DOORS[door]
    statuses = {s: doors.api.ask(method, path, key, body).status for s, key in doors.keys.items()}
    unknown = doors.api.ask(method, path, None, body).status
    if needed == OPEN:
        assert unknown == 200
    else:
        assert unknown == 401
    if isinstance(needed, Scope):
        passed = {scope for scope in Scope if needed in _usable(scope)}
        assert {scope for scope, status in statuses.items() if status != 403} == passed
        assert all(statuses[scope] in {200, 404} for scope in passed)
    else:
        assert set(statuses.values()) == {200}


def test_a_threshold_of_one_s_own_needs_its_scope(doors: Doors) -> None:
    """An override is refused to a caller who may only predict, and named."""
    body = doors.payload(threshold=0.5)
    refused = doors.api.ask("POST", "/predict", doors.keys[Scope.PREDICT], body)
    assert refused.status == 403
    assert "override" in refused.content["detail"]
    assert doors.api.ask("POST", "/predict", doors.keys[Scope.OVERRIDE], body).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "crk_",
        "crk_000000000000_" + "A" * 43,
        "Bearer",
        "null",
        "' or '1'='1",
        "${jndi:ldap://a}",
        "a.b.c",
    ],
)
def test_a_wrong_credential_is_unknown(doors: Doors, wrong: str | None) -> None:
    """401 with a challenge; past some of them 429; the answer does not repeat the credential."""
    answer = doors.api.ask("GET", "/metadata", wrong)
    assert answer.status in {401, 429}
    assert "www-authenticate" in answer.headers or answer.status == 429
    assert not wrong or len(wrong) < 8 or wrong not in answer.body.decode()


def test_a_key_within_another_s_id_is_unknown(doors: Doors) -> None:
    """The secret belongs to its id."""
    one, other = doors.keys[Scope.PREDICT].split("_", 2), doors.keys[Scope.ADMIN].split("_", 2)
    assert doors.status(f"crk_{one[1]}_{other[2]}") in {401, 429}


def test_a_revoked_key_is_out_within_a_second(doors: Doors) -> None:
    """No restart, and the caller is told why."""
    key = doors.key(Scope.PREDICT, name="soon-gone")
    keys.revoke(doors.file, keys.id_of(key) or "")
    time.sleep(1)
    answer = doors.api.ask("GET", "/metadata", key)
    assert answer.status == 429 or "revoked on" in answer.content["detail"]
    assert doors.status(doors.keys[Scope.PREDICT]) == 200


def test_an_expired_key_is_out(doors: Doors) -> None:
    """A key serves until its end and not a request longer."""
    key = doors.key(Scope.PREDICT, name="ends", lifetime=timedelta(days=1))
    ended = datetime.now(UTC) - timedelta(seconds=1)
    held = {stored.id: stored for stored in KeyFile.load(doors.file).keys}
    key_id = keys.id_of(key) or ""
    held[key_id] = held[key_id].model_copy(update={"expires_at": ended})
    doors.file.write_text(KeyFile(keys=tuple(held.values())).model_dump_json())
    waited_for(lambda: doors.status(key) != 200)
    assert doors.status(key) in {401, 429}


def test_a_token_opens_what_it_says(doors: Doors) -> None:
    """The issuer's token predicts, and its subject is who called."""
    said = doors.token(sub="lender-of-the-token")
    assert doors.api.ask("POST", "/predict", said, doors.payload()).status == 200
    assert doors.api.ask("GET", "/metrics", said).status == 403
    callers = {line.get("caller") for line in doors.api.lines()}
    assert "oidc:lender-of-the-token" in callers


@pytest.mark.parametrize(
    "forge",
    [
        lambda doors: doors.token(exp=NOW - 3_600),
        lambda doors: doors.token(nbf=NOW + 3_600),
        lambda doors: doors.token(aud="another-api"),
        lambda doors: doors.token(iss="https://id.example.org"),
        lambda doors: doors.token("rsa_stranger"),
        lambda doors: token(claims(doors.issuer.issuer), "rsa_stranger", kid="rsa"),
        lambda doors: token(
            claims(doors.issuer.issuer), "rsa_stranger", kid="rsa", jwk=public_jwk("rsa_stranger")
        ),
        lambda doors: unsigned(claims(doors.issuer.issuer), kid="rsa"),
        lambda doors: signed_with_public_key(claims(doors.issuer.issuer)),
        lambda doors: token(claims(doors.issuer.issuer), kid="../../../etc/passwd"),
    ],
    ids=[
        "expired",
        "not yet valid",
        "another audience",
        "another issuer",
        "unknown key",
        "another key",
        "own key in the header",
        "alg none",
        "HS256 with the public key",
        "key id as a path",
    ],
)
def test_a_forged_token_is_unknown(doors: Doors, forge: Callable[[Doors], str]) -> None:
    """Whatever a token says, it is 401, or 429 for an address that tries again and again."""
    assert doors.status(doors.token()) == 200
    answer = doors.api.ask("POST", "/predict", forge(doors), doors.payload())
    assert answer.status in {401, 429}


def test_guessing_is_slowed_and_shuts_nobody_out(doors: Doors) -> None:
    """Wrong keys get 429 in the end; right ones are let in from the same address all the while."""
    statuses = {doors.status(f"crk_{number:012x}_{'A' * 43}") for number in range(40)}
    assert 429 in statuses
    assert statuses <= {401, 429}
    assert doors.status(doors.keys[Scope.PREDICT]) == 200


def test_a_caller_who_asks_too_often_is_told_when_to_come_back(doors: Doors) -> None:
    """The key's own limit holds, with Retry-After, and affects no other caller."""
    limit = RateLimitSettings(requests_per_second=0.005, burst=4)
    key = doors.unknown_key(Scope.PREDICT, name="greedy", rate_limit=limit)
    time.sleep(1)
    answers = [doors.api.ask("GET", "/metadata", key) for _ in range(5)]
    assert [answer.status for answer in answers] == [200] * 4 + [429]
    assert 100 < int(answers[-1].headers["retry-after"]) <= 200
    assert doors.status(doors.keys[Scope.PREDICT]) == 200


@pytest.mark.parametrize(
    "decision_id",
    [
        "..",
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%5c..%5cetc%5cpasswd",
        "%00",
        "a%0d%0aX-Injected:%201",
        "'%20or%201=1--",
        "%ff",
        "A" * 1_900,
        "%e2%80%ae",
    ],
)
@pytest.mark.parametrize("tail", ["", "/replay"])
def test_an_id_is_no_path(doors: Doors, decision_id: str, tail: str) -> None:
    """An id that is none is 4xx, reads no file, and its text reaches neither headers nor log."""
    answer = doors.api.ask("GET", f"/decisions/{decision_id}{tail}", doors.keys[Scope.AUDIT])
    assert 400 <= answer.status < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"root:" not in answer.body
    assert "x-injected" not in answer.headers


FORGED = '{"level":"info","message":"forged","caller":"admin"}'


def test_nobody_adds_a_line_to_the_log(doors: Doors) -> None:
    """Line ends and JSON in paths, ids, credentials and headers stay within the lines they belong to."""
    quoted = FORGED.replace('"', "%22").replace(" ", "%20")
    key = doors.keys[Scope.PREDICT]
    doors.api.ask("GET", f"/decisions/%0a{quoted}%0a", key)
    doors.api.ask("GET", f"/x%0d%0a{quoted}", key)
    doors.api.ask("GET", "/metadata", key, X_Request_ID=f'a"}}{FORGED}', User_Agent=FORGED)
    doors.api.ask("GET", "/metadata", f'crk_"}}{FORGED}')
    doors.api.say(
        b"GET /metadata HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\r\n " + FORGED.encode() + b"\r\n\r\n"
    )
    doors.api.say(
        b"GET /metadata HTTP/1.1\nHost: a\nX-Request-ID: a\x0b\x85\n" + FORGED.encode() + b"\n\n"
    )
    assert "forged" not in doors.api.log()
    assert all(line["message"] for line in doors.api.lines())


@pytest.mark.parametrize("offered", ["", "a b", "a" * 65, 'a"b', "a;b", "é", "../a", "a\tb"])
def test_a_correlation_id_of_another_form_is_replaced(doors: Doors, offered: str) -> None:
    """An id goes into log, ledger and answer, so it has a form; another is not taken."""
    answer = doors.api.ask("GET", "/health", X_Request_ID=offered)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_a_correlation_id_is_kept(doors: Doors) -> None:
    """An id of the right form comes back."""
    offered = "order-7.retry_2"
    assert doors.api.ask("GET", "/health", X_Request_ID=offered).headers["x-request-id"] == offered


REQUEST = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (REQUEST + "X: 1\r\n" * 100, 431),
        (REQUEST + f"X: {'a' * 100_000}\r\n", 431),
        (REQUEST + f"Authorization: Bearer {'a' * 30_000}\r\n", 200),
        (
            REQUEST.replace("/health", "/metadata") + f"Authorization: Bearer {'a' * 30_000}\r\n",
            431,
        ),
        (REQUEST.replace("/health", "/metadata") + "X-API-Key: a\r\nX-API-Key: b\r\n", 401),
        (REQUEST.replace("/health", "/" + "a" * 5_000), 414),
        (REQUEST.replace("HTTP/1.1", "HTTP/7.7"), 400),
        (REQUEST + "Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        (REQUEST + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", 400),
        (REQUEST + "X : 1\r\n", 400),
        (REQUEST + "X: a\x00b\r\n", 400),
    ],
    ids=[
        "100 headers",
        "one of 100 kB",
        "a long credential where none is needed",
        "a long credential",
        "two credentials",
        "a long path",
        "a version that is none",
        "two lengths",
        "two framings",
        "a space in a name",
        "a null byte",
    ],
)
def test_a_head_has_its_bounds(doors: Doors, head: str, status: int) -> None:
    """Bombs and ambiguities end as the status that names them, and the server lives on."""
    answer = doors.api.say(head.encode("latin-1") + b"\r\n")
    allowed = {status, 429} if status == 401 else {status}
    assert int(answer.split(" ", 2)[1]) in allowed
    assert doors.api.ask("GET", "/health").status == 200


def test_every_answer_carries_the_secure_headers(doors: Doors) -> None:
    """Right or wrong, found or not: no cache, no sniffing, no frame, no other site, no word of the server."""
    asked = [("GET", "/health"), ("GET", "/metadata"), ("GET", "/nothing"), ("OPTIONS", "/predict")]
    for method, path in asked:
        headers = doors.api.ask(method, path, Origin="https://example.org").headers
        assert not [name for name in headers if name.startswith("access-control-")]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
        assert "strict-transport-security" not in headers


def recorded(doors: Doors) -> list[tuple[str, bytes]]:
    """The request of each decision in the ledger, and what is kept of it, before compression."""
    with doors.api.server.ledger() as ledger:
        decisions = ledger.after(0, 10_000)
    return [(decision.request_id, decision.content or b"") for decision in decisions]


def test_the_page_for_people_runs_nothing(doors: Doors) -> None:
    """The document's page may be styled; scripts, frames and other sites have no part in it."""
    headers = doors.api.ask("GET", "/docs").headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert not set(policy) & {"script-src", "connect-src", "frame-src", "img-src"}
    assert headers["x-frame-options"] == "DENY"


def test_no_secret_is_shown_or_logged(doors: Doors) -> None:
    """No key, secret or token stands in the log, the ledger or any answer of this server."""
    doors.api.ask("POST", "/predict", doors.keys[Scope.PREDICT], doors.payload())
    doors.api.ask("POST", "/predict", doors.token(), doors.payload())
    doors.api.ask("POST", "/predict", doors.token(exp=NOW - 9_999), doors.payload())
    answers = [answer.body for answer in doors.api.answers]
    contents = [content for _request_id, content in recorded(doors)]
    shown = b"".join([doors.api.log().encode(), *contents, *answers])
    assert len(contents) >= 2
    assert len(doors.secrets) > len(Scope)
    assert not [secret for secret in doors.secrets if secret.encode() in shown]


@pytest.mark.parametrize(
    ("credential", "caller"),
    [
        (lambda doors: doors.keys[Scope.PREDICT], "predict"),
        (lambda doors: doors.token(sub="someone"), "oidc:someone"),
    ],
    ids=["a key", "a token"],
)
def test_log_and_ledger_name_the_caller(
    doors: Doors, credential: Callable[[Doors], str], caller: str
) -> None:
    """Who called is the name that the key was made for, or the token's subject."""
    answer = doors.api.ask("POST", "/predict", credential(doors), doors.payload())
    request_id = answer.headers["x-request-id"]
    assert doors.api.server.request_line(request_id)["caller"] == caller
    (content,) = [content for request, content in recorded(doors) if request == request_id]
    assert f'"caller":"{caller}"'.encode() in content
