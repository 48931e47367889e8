from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from credentials_made import Clock, IssuerServer, claims, key_in, public_jwk, request, token
from hypothesis import given
from hypothesis import strategies as st

from creditrisk.core.settings import RateLimitSettings, ServeSettings
from creditrisk.serve.problems import Problem
from creditrisk.serve.security import Caller, Gate, Scope, keys
from creditrisk.serve.security.callers import LOCAL
from creditrisk.serve.security.errors import InvalidIssuer, NobodyMayCall, NoUsableKey
from creditrisk.serve.security.gate import FAILURES, NOTICES, _say_that_it_is_open
from creditrisk.serve.security.issuer import AUDIENCE_VARIABLE, ISSUER_VARIABLE, Issuer
from creditrisk.serve.security.jwks import KeySet
from creditrisk.serve.security.key_ring import GRACE_SECONDS, LOOK_SECONDS, KeyRing
from creditrisk.serve.security.keys import KEY_FILE_VARIABLE
from creditrisk.serve.security.limits import Rate
from creditrisk.serve.security.tokens import TokenVerifier

EVERYWHERE = ServeSettings(host="0.0.0.0")  # noqa: S104


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment says the keys are."""
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "keys.json"))
    return tmp_path / "keys.json"


def admitted(gate: Gate, asked: dict[str, object], needed: Scope | None = Scope.PREDICT) -> Caller:
    return asyncio.run(gate.admit(asked, needed))


def refused(gate: Gate, asked: dict[str, object], needed: Scope | None = Scope.PREDICT) -> Problem:
    with pytest.raises(Problem) as refusal:
        admitted(gate, asked, needed)
    return refusal.value


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "api.example.org", ""])  # noqa: S104
def test_a_network_needs_to_know_its_callers(host: str) -> None:
    """Without keys and issuer the API starts on no address that others reach."""
    with pytest.raises(NobodyMayCall, match="CREDITRISK_API_KEYS_FILE") as refusal:
        Gate.from_environment(ServeSettings(host=host))
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_needs_no_keys(host: str, caplog: pytest.LogCaptureFixture) -> None:
    """On loopback everybody is `local` and may do everything, and the log says so once."""
    _say_that_it_is_open.cache_clear()
    for _ in range(2):
        gate = Gate.from_environment(ServeSettings(host=host))
    for _ in range(3):
        assert admitted(gate, request(), Scope.ADMIN) == LOCAL
    assert gate.is_open
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    "headers", [{"host": "rebound.example.org"}, {"origin": "https://example.org"}]
)
def test_a_page_from_elsewhere_is_no_local_caller(headers: dict[str, str]) -> None:
    """A browser's request for a strange name or from a strange page is not let in."""
    gate = Gate.from_environment(ServeSettings())
    assert refused(gate, request(**headers), None).status == 403


def test_keys_are_asked_for_on_this_machine_too_once_there_are_any(path: Path) -> None:
    """An API that knows keys is open to nobody without one."""
    key_in(path)
    gate = Gate.from_environment(ServeSettings())
    assert refused(gate, request(), None).status == 401
    assert not gate.is_open


def test_a_file_that_lets_nobody_in_starts_no_api(path: Path) -> None:
    """Keys that are all revoked are as none; the message says what to do."""
    key_in(path)
    keys.revoke(path, keys.KeyFile.load(path).keys[0].id)
    with pytest.raises(NoUsableKey, match="of the 1 API keys"):
        Gate.from_environment(EVERYWHERE)


def test_a_key_opens_what_its_scopes_say(path: Path) -> None:
    """401 without a key, 403 beyond its scopes, in without a scope where being known suffices."""
    key = key_in(path, Scope.PREDICT)
    gate = Gate.from_environment(EVERYWHERE)
    assert admitted(gate, request(key)).name == "lender"
    assert admitted(gate, request(key), None).name == "lender"
    assert refused(gate, request(key), Scope.AUDIT).status == 403
    assert refused(gate, request(), Scope.PREDICT).status == 401


def test_an_issuer_s_token_opens(issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer suffices to start, and an API key is nothing to it."""
    named(monkeypatch, issuer)
    gate = Gate.from_environment(EVERYWHERE)
    assert admitted(gate, request(token(claims(issuer.issuer)))).name == "oidc:lender-7"
    assert refused(gate, request(keys.new_key("a", [Scope.PREDICT]).text)).status == 401


def named(monkeypatch: pytest.MonkeyPatch, issuer: IssuerServer) -> None:
    monkeypatch.setenv(ISSUER_VARIABLE, issuer.url)
    monkeypatch.setenv(AUDIENCE_VARIABLE, issuer.issuer.audience)


def test_keys_and_issuer_serve_together(
    path: Path, issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each credential goes to whom it belongs, whichever header it came in."""
    key = key_in(path)
    named(monkeypatch, issuer)
    gate = Gate.from_environment(EVERYWHERE)
    assert admitted(gate, request(None, x_api_key=key)).name == "lender"
    assert admitted(gate, request(token(claims(issuer.issuer)))).name == "oidc:lender-7"


def test_half_an_issuer_starts_no_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the configuration is an error, not an open door, on loopback too."""
    monkeypatch.setenv(ISSUER_VARIABLE, "https://id.example.org")
    with pytest.raises(InvalidIssuer):
        Gate.from_environment(ServeSettings())


def test_a_caller_who_asks_too_often_waits(path: Path) -> None:
    """429 with the time to wait; another caller is not affected."""
    greedy, other = key_in(path, name="greedy"), key_in(path, name="other")
    limit = RateLimitSettings(requests_per_second=0.5, burst=3)
    gate = Gate.from_environment(ServeSettings(host="10.0.0.7", rate_limit=limit))
    for _ in range(3):
        admitted(gate, request(greedy))
    refusal = refused(gate, request(greedy))
    assert (refusal.status, refusal.headers["Retry-After"]) == (429, "2")
    assert admitted(gate, request(other))


def test_a_key_s_own_limit_counts(path: Path) -> None:
    """A key that was made with a limit has that one and not the common one."""
    key = key_in(path, rate_limit=RateLimitSettings(requests_per_second=0.1, burst=1))
    gate = Gate.from_environment(EVERYWHERE)
    admitted(gate, request(key))
    assert refused(gate, request(key)).status == 429


def test_refused_requests_count_too(path: Path) -> None:
    """Who may not do a thing cannot ask for it without end either."""
    key = key_in(path, rate_limit=RateLimitSettings(requests_per_second=0.1, burst=2))
    gate = Gate.from_environment(EVERYWHERE)
    statuses = [refused(gate, request(key), Scope.ADMIN).status for _ in range(3)]
    assert statuses == [403, 403, 429]


def test_a_refused_caller_is_named_in_the_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who was kept from what is on record, in so many lines however often it is tried."""
    key = key_in(path, Scope.PREDICT)
    gate = Gate.from_environment(EVERYWHERE)
    for _ in range(100):
        refused(gate, request(key), Scope.AUDIT)
    said = {record.getMessage() for record in caplog.records}
    assert said == {"Refused lender: This needs the scope audit; the caller has predict."}
    assert len(caplog.records) <= NOTICES.burst


def test_guessing_is_slowed_down(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Past some failures an address gets 429, loses its connection, and fills no log."""
    key_in(path)
    gate = Gate.from_environment(EVERYWHERE)
    refusals = [refused(gate, request("wrong")) for _ in range(FAILURES.burst + 10)]
    assert {refusal.status for refusal in refusals[: FAILURES.burst]} == {401}
    assert {refusal.status for refusal in refusals[-9:]} == {429}
    assert refusals[-1].headers["Connection"] == "close"
    assert len(caplog.records) <= FAILURES.burst + 1


def test_a_guesser_does_not_shut_others_out(path: Path) -> None:
    """Behind one address, such as a proxy's, the right key is let in however many were wrong."""
    key = key_in(path)
    gate = Gate.from_environment(EVERYWHERE)
    for _ in range(FAILURES.burst + 5):
        refused(gate, request("wrong"))
    assert admitted(gate, request(key)).name == "lender"


@pytest.mark.parametrize("client", ["2001:db8::{}", "2001:db8:0:0:{}::1"])
def test_one_host_s_many_addresses_count_as_one(path: Path, client: str) -> None:
    """Of IPv6 a host has 2**64 addresses, so failures are counted by their network."""
    key_in(path)
    gate = Gate.from_environment(EVERYWHERE)
    for number in range(FAILURES.burst + 1):
        last = refused(gate, request("wrong", client=client.format(number)))
    assert last.status == 429


def test_readiness_knows_of_unreadable_keys(path: Path, clock: Clock) -> None:
    """What keeps right callers out is told to whoever watches the API, without a request."""
    key_in(path)
    gate = Gate(Rate(1.0, 1), KeyRing(path, clock=clock))
    path.unlink()
    clock.move(LOOK_SECONDS)
    assert gate.problem() is None
    clock.move(GRACE_SECONDS)
    assert "API keys" in (gate.problem() or "")


def test_no_log_line_holds_a_credential(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither right nor wrong credentials stand in a log line or a refusal."""
    caplog.set_level(logging.DEBUG)
    key = key_in(path, lifetime=None)
    gate = Gate.from_environment(EVERYWHERE)
    admitted(gate, request(key))
    shown = [str(refused(gate, request(wrong))) for wrong in (key[:-1], "wrong-and-secret")]
    keys.revoke(path, keys.id_of(key) or "")
    assert gate._keys is not None
    gate._keys._next_look = 0
    shown += [str(refused(gate, request(key))), caplog.text]
    assert "revoked" in "".join(shown)
    for secret in (key, key.split("_", 2)[2], key[:-1], "wrong-and-secret"):
        assert secret not in "".join(shown)


@pytest.fixture(scope="module")
def both_ways_in(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A gate that knows a key and an issuer, and limits nobody."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    key_in(path)
    issuer = Issuer("https://id.example.org", "api")
    tokens = TokenVerifier(issuer, KeySet(issuer, lambda _issuer: [public_jwk("rsa")]))
    return Gate(Rate(1e9, 10**9), KeyRing(path), tokens)


CREDENTIALS = st.binary(max_size=80) | st.binary(max_size=80).map(b"Bearer ".__add__)
NAMES = st.sampled_from([b"authorization", b"x-api-key", b"host", b"origin"])


@given(st.lists(st.tuples(NAMES, CREDENTIALS), max_size=3), st.sampled_from([*Scope, None]))
def test_no_headers_break_the_gate(
    both_ways_in: Gate, headers: list[tuple[bytes, bytes]], needed: Scope | None
) -> None:
    """Whatever bytes the headers are, nobody comes in by luck and the refusal is 401 or 429."""
    asked = {"client": ("192.0.2.1", 1), "headers": headers}
    assert refused(both_ways_in, asked, needed).status in {401, 429}


def test_without_an_issuer_no_token_library_is_loaded() -> None:
    """An API that knows keys alone pays neither memory nor time for tokens."""
    code = (
        "import sys\nfrom creditrisk.core.settings import ServeSettings\n"
        "from creditrisk.serve.security import Gate\nGate.from_environment(ServeSettings())\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"jwt", "cryptography"} & set(process.stdout.split())
