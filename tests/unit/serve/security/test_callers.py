from __future__ import annotations

import pytest

from creditrisk.serve.security.callers import LOCAL, Caller, Scope, ordered
from creditrisk.serve.security.refusals import MissingScope


def caller(*scopes: Scope) -> Caller:
    return Caller("lender", "key:1", frozenset(scopes))


@pytest.mark.parametrize("held", list(Scope))
def test_no_scope_implies_another(held: Scope) -> None:
    """A caller may do what its scopes name and nothing else, whatever they are called."""
    assert [scope for scope in Scope if caller(held).may(scope)] == [held]


def test_a_missing_scope_is_named() -> None:
    """The refusal says what is needed and what the caller has."""
    with pytest.raises(MissingScope, match="needs the scope audit; the caller has predict") as no:
        caller(Scope.PREDICT).require(Scope.AUDIT)
    assert no.value.status == 403
    assert 'scope="audit"' in no.value.headers["WWW-Authenticate"]


def test_a_scope_that_is_held_suffices() -> None:
    """Who has the scope goes on."""
    caller(Scope.PREDICT).require(Scope.PREDICT)


def test_the_caller_of_an_open_api_may_do_everything() -> None:
    """On this machine alone, without keys, nothing is kept from anybody."""
    assert ordered(LOCAL.scopes) == list(Scope)
