"""Whether a request keeps every rule: those of what was sent, and those of what is computed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditrisk.contracts.request_violations import RequestRefused, Violation
from creditrisk.contracts.requests import ApplicationRequest
from creditrisk.features.request_plans import FeaturesNotComputable

if TYPE_CHECKING:
    from creditrisk.contracts.requests import RequestChecks
    from creditrisk.features.request_features import RequestFeatures

Violations = tuple[Violation, ...]


def validated(
    body: bytes, checks: RequestChecks, features: RequestFeatures
) -> tuple[Violations, Violations]:
    """What refuses a body, and what is remarked about it.

    Features are computed, and checked, of raw applications that break no rule themselves.
    """
    examined = checks.examined(body)
    computed: Violations = ()
    if isinstance(examined.request, ApplicationRequest):
        computed = _computed_violations(examined.request, checks, features)
    return examined.errors or computed, examined.warnings


def as_refusal(error: Exception) -> RequestRefused | None:
    """The refusal that an error of scoring stands for, if it is the caller's."""
    if isinstance(error, FeaturesNotComputable):
        return RequestRefused([_not_computable(error)])
    return error if isinstance(error, RequestRefused) else None


def _computed_violations(
    request: ApplicationRequest, checks: RequestChecks, features: RequestFeatures
) -> Violations:
    try:
        checks.check_computed(features.rows(request.tables))
    except (RequestRefused, FeaturesNotComputable) as error:
        refusal = as_refusal(error)
        return refusal.violations if refusal else ()
    return ()


def _not_computable(error: FeaturesNotComputable) -> Violation:
    return Violation(
        record=None,
        applicant=None,
        path="/applications",
        column=None,
        rule="features.computable",
        seen=f"amounts from which sql/{error.name}.sql cannot be computed",
        required="sums and ratios below 1e20",
    )
