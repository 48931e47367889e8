"""Which errors of Amazon's services are worth another attempt, and what may be told of them."""

from __future__ import annotations

_TRANSIENT_CODES = {
    "InternalError",
    "InternalFailure",
    "InternalServiceError",
    "InternalServiceFault",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ServerException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


def is_transient(error: Exception) -> bool:
    """Whether the service or the network is at fault, so that the same request may succeed later."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004
    from botocore.parsers import ResponseParserError  # what a broken proxy answers

    if not isinstance(error, ClientError):
        return isinstance(error, ConnectionError | HTTPClientError | ResponseParserError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code")
    return code in _TRANSIENT_CODES or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR


def error_code(error: Exception) -> str:
    """The service's code, or the error's type: a message may hold more than a log should."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
