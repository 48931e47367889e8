"""Problem details."""

from __future__ import annotations

import json

from creditrisk.serve.problems import Overloaded, Problem, StatusProblem, UnexpectedProblem


def test_a_problem_has_the_members_of_rfc_9457() -> None:
    """Type, title, status, detail and instance are there, with the correlation id and extras."""
    problem = Problem(422, "refused", "Refused", "AGE is 5", violations=[{"column": "AGE"}])
    assert json.loads(problem.body("r-1")) == {
        "type": "urn:creditrisk:problem:refused",
        "title": "Refused",
        "status": 422,
        "detail": "AGE is 5",
        "instance": "urn:creditrisk:request:r-1",
        "request_id": "r-1",
        "violations": [{"column": "AGE"}],
    }


def test_an_overload_says_when_to_come_back() -> None:
    """503 carries Retry-After."""
    problem = Overloaded("5,000 records wait", retry_after_seconds=2)
    assert (problem.status, problem.headers) == (503, {"Retry-After": "2"})


def test_an_unexpected_error_tells_nothing_of_its_cause() -> None:
    """The caller learns the request id alone."""
    content = json.loads(UnexpectedProblem().body("r-2"))
    assert set(content) == {"type", "title", "status", "detail", "instance", "request_id"}


def test_a_status_is_titled_as_http_titles_it() -> None:
    """404 is 'Not Found', and its type says so."""
    problem = StatusProblem(404, "no such path")
    assert (problem.title, problem.kind) == ("Not Found", "not-found")
