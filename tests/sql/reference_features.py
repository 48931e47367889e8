"""The signed-off features, calculated row by row in plain Python.

Independent of the SQL on purpose: it shares neither code nor names of intermediate results with
it, and reads the definitions the way a person would.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

E = 1e-6
NOT_EMPLOYED = 365243

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
Features = dict[str, Any]

MISMATCH_FLAGS = (
    "REG_REGION_NOT_LIVE_REGION",
    "REG_REGION_NOT_WORK_REGION",
    "LIVE_REGION_NOT_WORK_REGION",
    "REG_CITY_NOT_LIVE_CITY",
    "REG_CITY_NOT_WORK_CITY",
    "LIVE_CITY_NOT_WORK_CITY",
)
CONTACT_FLAGS = (
    "FLAG_MOBIL",
    "FLAG_EMP_PHONE",
    "FLAG_WORK_PHONE",
    "FLAG_CONT_MOBILE",
    "FLAG_PHONE",
    "FLAG_EMAIL",
)
DOCUMENT_FLAGS = tuple(f"FLAG_DOCUMENT_{number}" for number in range(2, 22))
AS_IS = (
    *("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3"),
    *("AMT_ANNUITY", "AMT_CREDIT", "AMT_GOODS_PRICE", "AMT_INCOME_TOTAL"),
    *("DAYS_BIRTH", "DAYS_EMPLOYED", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH"),
    *("DAYS_LAST_PHONE_CHANGE", "CNT_CHILDREN", "CNT_FAM_MEMBERS"),
    *("REGION_RATING_CLIENT", "REGION_RATING_CLIENT_W_CITY", "REGION_POPULATION_RELATIVE"),
    *("HOUR_APPR_PROCESS_START", "CODE_GENDER", "NAME_INCOME_TYPE", "NAME_EDUCATION_TYPE"),
    *("NAME_HOUSING_TYPE", "NAME_CONTRACT_TYPE", "NAME_FAMILY_STATUS"),
    *("WEEKDAY_APPR_PROCESS_START", "FLAG_OWN_CAR", "FLAG_OWN_REALTY"),
    *MISMATCH_FLAGS,
    *("OBS_30_CNT_SOCIAL_CIRCLE", "OBS_60_CNT_SOCIAL_CIRCLE"),
    *("DEF_30_CNT_SOCIAL_CIRCLE", "DEF_60_CNT_SOCIAL_CIRCLE"),
    *("AMT_REQ_CREDIT_BUREAU_HOUR", "AMT_REQ_CREDIT_BUREAU_DAY", "AMT_REQ_CREDIT_BUREAU_WEEK"),
    *("AMT_REQ_CREDIT_BUREAU_MON", "AMT_REQ_CREDIT_BUREAU_QRT", "AMT_REQ_CREDIT_BUREAU_YEAR"),
    *CONTACT_FLAGS,
    *DOCUMENT_FLAGS,
)
HISTORY_NAMES = (
    *("BUREAU_N_ACTIVE", "BUREAU_N_CLOSED", "BUREAU_LAST_CREDIT_DAYS", "BUREAU_LAST_UPDATE_DAYS"),
    *("BUREAU_TOTAL_DEBT", "BUREAU_TOTAL_CREDIT", "BUREAU_LIMIT_SUM", "BUREAU_OVERDUE_SUM"),
    *("BUREAU_PROLONG_SUM", "BUREAU_UTIL_MEAN", "BUREAU_MAX_OVERDUE"),
    *("BB_DELINQ_SHARE_MEAN", "BB_WORST_STATUS_MAX", "BB_MONTHS_SINCE_LAST_DELINQ_MIN"),
    *("PREV_TOTAL", "PREV_APPROVED", "PREV_REFUSED", "PREV_CANCELLED", "PREV_UNUSED"),
    *("PREV_APP_CREDIT_RATIO_MEAN", "PREV_DOWNPAYMENT_RATE_MEAN", "PREV_CNT_PAYMENT_MEAN"),
    *("PREV_LAST_DECISION_DAYS", "PREV_EARLIEST_DECISION_DAYS"),
    *("PREV_APPROVAL_RATE", "PREV_REFUSED_RATE"),
    *("INSTAL_PAYMENT_RATIO_MEAN", "INSTAL_PAYMENT_RATIO_STD", "INSTAL_LATE_MEAN"),
    *("INSTAL_LATE_MAX", "INSTAL_LATE_SHARE", "INSTAL_SEVERE_LATE_SHARE"),
    *("CC_UTIL_MEAN", "CC_UTIL_MAX", "CC_MINPAY_COVERAGE_MEAN", "CC_MINPAY_MET_SHARE"),
    *("CC_DPD_ANY_SHARE", "CC_DPD_MAX", "CC_CASH_RATIO_MEAN"),
    *("POS_DPD_ANY_SHARE", "POS_DPD_MAX", "POS_MONTHS_SINCE_LAST_ACTIVE"),
)


class Total(float):
    """A sum or mean that remembers its largest term: what cancels out cannot be held exactly."""

    largest: float

    @classmethod
    def of(cls, value: float, terms: Iterable[float]) -> Total:
        """A value with the terms that it was made of."""
        total = cls(value)
        total.largest = max(getattr(term, "largest", abs(term)) for term in terms)
        return total


def reference_features(tables: Tables) -> list[Features]:
    """The feature rows of a portfolio in key order."""
    histories = (
        bureau(tables["bureau"]),
        bureau_balance(tables["bureau_balance"], tables["bureau"]),
        previous_application(tables["previous_application"]),
        installments(tables["installments_payments"], tables["previous_application"]),
        credit_card(tables["credit_card_balance"], tables["previous_application"]),
        pos_cash(tables["POS_CASH_balance"], tables["previous_application"]),
    )
    rows = []
    for row in sorted(tables["application"], key=lambda row: row["SK_ID_CURR"]):
        features = application(row) | dict.fromkeys(HISTORY_NAMES)
        for history in histories:
            features |= history.get(row["SK_ID_CURR"], {})
        rows.append(features)
    return rows


def application(row: Row) -> Features:
    raw = {name: value for name, value in row.items() if name not in ("SK_ID_CURR", "TARGET")}
    employed = None if row["DAYS_EMPLOYED"] == NOT_EMPLOYED else row["DAYS_EMPLOYED"]
    return {
        "SK_ID_CURR": row["SK_ID_CURR"],
        **{name: row[name] for name in AS_IS},
        "TOT_MISSING_COUNT": sum(value is None for value in raw.values()),
        "AGE_YEARS": ratio(negative(row["DAYS_BIRTH"]), 365 + E),
        "DAYS_EMPLOYED_ANOMALY": int(row["DAYS_EMPLOYED"] == NOT_EMPLOYED),
        "EMPLOYED_YEARS": ratio(negative(employed), 365 + E),
        "EMPLOYMENT_YEARS_TO_AGE": ratio(negative(employed), plus_e(negative(row["DAYS_BIRTH"]))),
        "PAYMENT_RATE": ratio(row["AMT_ANNUITY"], plus_e(row["AMT_CREDIT"])),
        "CREDIT_TO_INCOME": ratio(row["AMT_CREDIT"], plus_e(row["AMT_INCOME_TOTAL"])),
        "ANNUITY_TO_INCOME": ratio(row["AMT_ANNUITY"], plus_e(row["AMT_INCOME_TOTAL"])),
        "GOODS_TO_CREDIT": ratio(row["AMT_GOODS_PRICE"], plus_e(row["AMT_CREDIT"])),
        "INCOME_PER_PERSON": ratio(row["AMT_INCOME_TOTAL"], plus_e(row["CNT_FAM_MEMBERS"])),
        "CHILDREN_RATIO": ratio(row["CNT_CHILDREN"], plus_e(row["CNT_FAM_MEMBERS"])),
        **{f"EXT_SOURCE_{n}_IS_MISSING": int(row[f"EXT_SOURCE_{n}"] is None) for n in (1, 2, 3)},
        "OWN_CAR_AGE_IS_MISSING": int(row["OWN_CAR_AGE"] is None),
        "DOC_COUNT": sum(row[name] or 0 for name in DOCUMENT_FLAGS),
        "CONTACT_COUNT": sum(row[name] or 0 for name in CONTACT_FLAGS),
        "ADDR_MISMATCH_SUM": sum(row[name] or 0 for name in MISMATCH_FLAGS),
    }


def bureau(rows: Sequence[Row]) -> dict[int, Features]:
    return {
        applicant: {
            "BUREAU_N_ACTIVE": sum(row["CREDIT_ACTIVE"] == "Active" for row in lent),
            "BUREAU_N_CLOSED": sum(row["CREDIT_ACTIVE"] == "Closed" for row in lent),
            "BUREAU_LAST_CREDIT_DAYS": largest(column(lent, "DAYS_CREDIT")),
            "BUREAU_LAST_UPDATE_DAYS": largest(column(lent, "DAYS_CREDIT_UPDATE")),
            "BUREAU_TOTAL_DEBT": total(column(lent, "AMT_CREDIT_SUM_DEBT")),
            "BUREAU_TOTAL_CREDIT": total(column(lent, "AMT_CREDIT_SUM")),
            "BUREAU_LIMIT_SUM": total(column(lent, "AMT_CREDIT_SUM_LIMIT")),
            "BUREAU_OVERDUE_SUM": total(column(lent, "AMT_CREDIT_SUM_OVERDUE")),
            "BUREAU_PROLONG_SUM": total(column(lent, "CNT_CREDIT_PROLONG")),
            "BUREAU_UTIL_MEAN": mean(
                ratio(row["AMT_CREDIT_SUM_DEBT"], plus_e(row["AMT_CREDIT_SUM"])) for row in lent
            ),
            "BUREAU_MAX_OVERDUE": largest(column(lent, "AMT_CREDIT_MAX_OVERDUE")),
        }
        for applicant, lent in grouped(rows, "SK_ID_CURR").items()
    }


def bureau_balance(rows: Sequence[Row], lent: Sequence[Row]) -> dict[int, Features]:
    def one_credit(months: Sequence[Row]) -> Features:
        late = [month["MONTHS_BALANCE"] for month in months if month["STATUS"] in set("12345")]
        numbers = [int(m["STATUS"]) if m["STATUS"] in set("12345") else 0 for m in months]
        return {"share": len(late) / len(months), "worst": max(numbers), "last": largest(late)}

    return {
        applicant: {
            "BB_DELINQ_SHARE_MEAN": mean(column(histories, "share")),
            "BB_WORST_STATUS_MAX": largest(column(histories, "worst")),
            "BB_MONTHS_SINCE_LAST_DELINQ_MIN": smallest(
                negative(value) for value in column(histories, "last")
            ),
        }
        for applicant, histories in by_owner(rows, lent, "SK_ID_BUREAU", one_credit).items()
    }


def previous_application(rows: Sequence[Row]) -> dict[int, Features]:
    def count(earlier: Sequence[Row], status: str) -> int:
        return sum(row["NAME_CONTRACT_STATUS"] == status for row in earlier)

    def rate(row: Row, name: str) -> float | None:
        return ratio(row[name], row["AMT_CREDIT"]) if row["AMT_CREDIT"] else None

    features = {}
    for applicant, earlier in grouped(rows, "SK_ID_CURR").items():
        number = len({row["SK_ID_PREV"] for row in earlier})
        features[applicant] = {
            "PREV_TOTAL": number,
            "PREV_APPROVED": count(earlier, "Approved"),
            "PREV_REFUSED": count(earlier, "Refused"),
            "PREV_CANCELLED": count(earlier, "Canceled"),
            "PREV_UNUSED": count(earlier, "Unused offer"),
            "PREV_APP_CREDIT_RATIO_MEAN": mean(rate(row, "AMT_APPLICATION") for row in earlier),
            "PREV_DOWNPAYMENT_RATE_MEAN": mean(rate(row, "AMT_DOWN_PAYMENT") for row in earlier),
            "PREV_CNT_PAYMENT_MEAN": mean(column(earlier, "CNT_PAYMENT")),
            "PREV_LAST_DECISION_DAYS": largest(column(earlier, "DAYS_DECISION")),
            "PREV_EARLIEST_DECISION_DAYS": smallest(column(earlier, "DAYS_DECISION")),
            "PREV_APPROVAL_RATE": count(earlier, "Approved") / number,
            "PREV_REFUSED_RATE": count(earlier, "Refused") / number,
        }
    return features


def installments(rows: Sequence[Row], owners: Sequence[Row]) -> dict[int, Features]:
    def one_loan(parts: Sequence[Row]) -> Features:
        ratios = known(ratio(r["AMT_PAYMENT"], plus_e(r["AMT_INSTALMENT"])) for r in parts)
        late = known(minus(row["DAYS_ENTRY_PAYMENT"], row["DAYS_INSTALMENT"]) for row in parts)
        return {
            "ratio": mean(ratios),
            "std": statistics.stdev(ratios) if len(ratios) > 1 else None,
            "late": mean(late),
            "latest": largest(late),
            "late_share": sum(days > 0 for days in late) / len(parts),
            "severe_share": sum(days > 30 for days in late) / len(parts),
        }

    return {
        applicant: {
            "INSTAL_PAYMENT_RATIO_MEAN": mean(column(loans, "ratio")),
            "INSTAL_PAYMENT_RATIO_STD": mean(column(loans, "std")),
            "INSTAL_LATE_MEAN": mean(column(loans, "late")),
            "INSTAL_LATE_MAX": largest(column(loans, "latest")),
            "INSTAL_LATE_SHARE": mean(column(loans, "late_share")),
            "INSTAL_SEVERE_LATE_SHARE": mean(column(loans, "severe_share")),
        }
        for applicant, loans in by_owner(rows, owners, "SK_ID_PREV", one_loan).items()
    }


def credit_card(rows: Sequence[Row], owners: Sequence[Row]) -> dict[int, Features]:
    def one_card(months: Sequence[Row]) -> Features:
        use = [ratio(m["AMT_BALANCE"], plus_e(m["AMT_CREDIT_LIMIT_ACTUAL"])) for m in months]
        paid = [
            ratio(m["AMT_PAYMENT_TOTAL_CURRENT"], plus_e(m["AMT_INST_MIN_REGULARITY"]))
            for m in months
        ]
        cash = [
            ratio(m["AMT_DRAWINGS_ATM_CURRENT"], plus_e(m["AMT_CREDIT_LIMIT_ACTUAL"]))
            for m in months
        ]
        return {
            "use": mean(use),
            "most": largest(use),
            "paid": mean(paid),
            "met": sum(value is not None and value >= 1 for value in paid) / len(months),
            "overdue": sum(map(overdue, months)) / len(months),
            "worst": largest(column(months, "SK_DPD")),
            "cash": mean(cash),
        }

    return {
        applicant: {
            "CC_UTIL_MEAN": mean(column(cards, "use")),
            "CC_UTIL_MAX": largest(column(cards, "most")),
            "CC_MINPAY_COVERAGE_MEAN": mean(column(cards, "paid")),
            "CC_MINPAY_MET_SHARE": mean(column(cards, "met")),
            "CC_DPD_ANY_SHARE": mean(column(cards, "overdue")),
            "CC_DPD_MAX": largest(column(cards, "worst")),
            "CC_CASH_RATIO_MEAN": mean(column(cards, "cash")),
        }
        for applicant, cards in by_owner(rows, owners, "SK_ID_PREV", one_card).items()
    }


def pos_cash(rows: Sequence[Row], owners: Sequence[Row]) -> dict[int, Features]:
    def one_loan(months: Sequence[Row]) -> Features:
        active = [m["MONTHS_BALANCE"] for m in months if m["NAME_CONTRACT_STATUS"] == "Active"]
        return {
            "overdue": sum(map(overdue, months)) / len(months),
            "worst": largest(column(months, "SK_DPD")),
            "since": negative(largest(active)),
        }

    return {
        applicant: {
            "POS_DPD_ANY_SHARE": mean(column(loans, "overdue")),
            "POS_DPD_MAX": largest(column(loans, "worst")),
            "POS_MONTHS_SINCE_LAST_ACTIVE": largest(column(loans, "since")),
        }
        for applicant, loans in by_owner(rows, owners, "SK_ID_PREV", one_loan).items()
    }


def by_owner(
    rows: Sequence[Row],
    owners: Sequence[Row],
    key: str,
    summarise: Callable[[Sequence[Row]], Features],
) -> dict[int, list[Features]]:
    """The summaries of an applicant's loans; a loan without a row among the owners is left out."""
    applicants = {row[key]: row["SK_ID_CURR"] for row in owners}
    summaries = defaultdict(list)
    for loan, loan_rows in grouped(rows, key).items():
        if loan in applicants:
            summaries[applicants[loan]].append(summarise(loan_rows))
    return summaries


def grouped(rows: Sequence[Row], key: str) -> dict[int, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


def column(rows: Sequence[Row], name: str) -> list[Any]:
    return [row[name] for row in rows]


def known(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def mean(values: Iterable[Any]) -> Total | None:
    terms = known(values)
    return Total.of(math.fsum(terms) / len(terms), terms) if terms else None


def total(values: Iterable[Any]) -> Total | None:
    terms = known(values)
    return Total.of(math.fsum(terms), terms) if terms else None


def largest(values: Iterable[Any]) -> Any:
    return max(known(values), default=None)


def smallest(values: Iterable[Any]) -> Any:
    return min(known(values), default=None)


def ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above / below


def plus_e(value: float | None) -> float | None:
    return None if value is None else value + E


def negative(value: Any) -> Any:
    return None if value is None else -value


def minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def overdue(month: Row) -> bool:
    return (month["SK_DPD"] or 0) > 0 or (month["SK_DPD_DEF"] or 0) > 0
