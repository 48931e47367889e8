"""The data dictionary of the feature table, as `docs/features.md` shows it.

python -m creditrisk.features.dictionary > docs/features.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby

from creditrisk.features.catalogue import Feature, load_catalogue

_HEAD = """\
# Features

The signed-off features of an applicant, in the order of the feature table. This page is written by
`python -m creditrisk.features.dictionary` from `src/creditrisk/features/catalogue.yaml`; a test
compares the two.

- e is 1e-6. It keeps a division by zero finite: such a ratio is around 1e12, not infinite.
- An applicant without rows in a source table has nulls in its features, never zeros.
- Loans, cards and credits count only where their parent row exists: an instalment, a card month or
  a point-of-sale month belongs to the applicant whom `previous_application` names, a month of
  `bureau_balance` to the one whom `bureau` names.
- Nulls and categories stay as they are; imputing and encoding belong to the model's own pipeline.
- Sums and means do not depend on the order of rows, see
  [decision 2](decisions/0002-exact-sums.md).
- Risk says how risk moves with the value where that is known beforehand: up, down, or no opinion (-).
- Called is what an applicant is told the value is. Reason is the code of the idea behind it, see
  [Reasons](#reasons).

One definition differs from the signed-off notebook: `INSTAL_SEVERE_LATE_SHARE` is the share of
payments more than 30 days late. The notebook computes 30 times `INSTAL_LATE_SHARE` under this name,
an error that is corrected here.
"""
_COLUMNS = "| feature | meaning | unit | type | range | risk | called | reason |\n"
_RULE = "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
_REASONS = """
## Reasons

Why the PD of an applicant is higher than that of approved applicants is told in these words, at
most four of them. Features that are one idea to a person share a code and count together. What
belongs to a protected attribute (`policy.protected_attributes` in `params.yaml`) is never named.
See [decision 13](decisions/0013-reasons.md).

| code | words | features |
| --- | --- | --- |
"""
_LONG_NUMBER = 1e9
_RISK = {"higher_is_riskier": "up", "lower_is_riskier": "down", "none": "-"}


def dictionary() -> str:
    """The whole page."""
    return "".join(_sections())


def _sections() -> Iterator[str]:
    yield _HEAD
    for source, features in groupby(load_catalogue(), key=lambda feature: feature.source):
        yield f"\n## From `sql/{source}.sql`\n\n{_COLUMNS}{_RULE}"
        yield from map(_row, features)
    yield _REASONS
    yield from map(_reason_row, load_catalogue().reasons)


def _row(feature: Feature) -> str:
    cells = (
        f"`{feature.name}`",
        feature.definition,
        feature.unit,
        f"{feature.type}, may be null" if feature.nullable else feature.type,
        _range(feature),
        _RISK[feature.direction],
        feature.label,
        f"`{feature.reason}`",
    )
    return f"| {' | '.join(cells)} |\n"


def _reason_row(code: str) -> str:
    catalogue = load_catalogue()
    features = (f"`{feature.name}`" for feature in catalogue if feature.reason == code)
    return f"| `{code}` | {catalogue.reasons[code]} | {', '.join(features)} |\n"


def _range(feature: Feature) -> str:
    if feature.categories:
        return "; ".join(feature.categories)
    return f"{_bound(feature.minimum)} to {_bound(feature.maximum)}"


def _bound(value: float | None) -> str:
    if value is None:
        return "any"
    return f"{value:,.15g}" if abs(value) < _LONG_NUMBER else f"{value:g}"


if __name__ == "__main__":
    sys.stdout.write(dictionary())
