"""The application table: who applies, for what, and with which external scores."""

# ruff: noqa: PLR2004  (shares and sizes stand where they are drawn: names would only repeat them)

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from creditrisk.data.synthetic import application_shares as shares
from creditrisk.data.synthetic.columns import (
    NOT_APPLICABLE_DAYS,
    Categories,
    ColumnSet,
    categories,
    clip,
    labels_of,
    null_where,
    numbers,
    round_to,
    shares_of,
)
from creditrisk.data.synthetic.dwelling import draw_dwelling
from creditrisk.data.synthetic.people import People
from creditrisk.data.synthetic.randomness import (
    BlockRandom,
    BoolArray,
    FloatArray,
    logistic,
)
from creditrisk.data.synthetic.scenarios import Shift

CASH = "Cash loans"
REVOLVING = "Revolving loans"
NO_EMPLOYER = "XNA"
PAYMENT_RATE_BOUNDS = (0.0225, 0.124)


def draw_application(
    people: People, has_bureau: BoolArray, random: BlockRandom, shift: Shift
) -> ColumnSet:
    """One row a person, without TARGET, in no particular column order."""
    columns: ColumnSet = {"SK_ID_CURR": people.sk_id}
    columns |= _demography(people, random)
    columns |= _employment(people, random)
    columns |= _loan(people, random, shift)
    columns |= _documents(people, categories(columns, "NAME_CONTRACT_TYPE"), random)
    columns |= _contacts(people, numbers(columns, "DAYS_EMPLOYED"), random)
    columns |= _region(people, random)
    columns |= _mismatches(people, random)
    columns |= _dates(people, random)
    columns |= _scores(people, has_bureau, random)
    columns |= _social_circle(people, random)
    columns |= _enquiries(people, has_bureau, random)
    columns |= draw_dwelling(people, random)
    return columns


def _pick(name: str, table: Mapping[str, float], size: int, random: BlockRandom) -> Categories:
    return Categories(random.pick(name, shares_of(table), size), labels_of(table))


def _flag(name: str, share: FloatArray | float, size: int, random: BlockRandom) -> BoolArray:
    return random.chance(name, share, size)


def _demography(people: People, random: BlockRandom) -> ColumnSet:
    size = len(people)
    years = people.age_days / 365.25
    gender = Categories(random.pick("gender", (0.6583, 0.3417, 0.00001), size), ("F", "M", "XNA"))
    status = _pick("family status", shares.FAMILY_STATUS, size, random)
    children = _children(years, random)
    car = _flag("car", np.where(gender.equals("M"), 0.56, 0.226), size, random)
    partner = status.equals(*shares.WITH_PARTNER)
    return {
        "CODE_GENDER": gender,
        "NAME_FAMILY_STATUS": status,
        "NAME_EDUCATION_TYPE": _pick("education", shares.EDUCATION, size, random),
        "NAME_HOUSING_TYPE": _pick("housing", shares.HOUSING, size, random),
        "CNT_CHILDREN": children,
        "CNT_FAM_MEMBERS": 1.0 + partner + children,
        "FLAG_OWN_CAR": Categories(car.astype(np.int64), ("N", "Y")),
        "OWN_CAR_AGE": null_where(_car_age(size, random), ~car),
        "FLAG_OWN_REALTY": Categories(
            _flag("realty", 0.694, size, random).astype(np.int64), ("N", "Y")
        ),
    }


def _children(years: FloatArray, random: BlockRandom) -> FloatArray:
    rate = np.interp(years, (20, 27, 35, 45, 55, 70), (0.3, 0.55, 0.85, 0.4, 0.06, 0.01))
    return np.minimum(random.stream("children").poisson(rate), 9).astype(np.int64)


def _car_age(size: int, random: BlockRandom) -> FloatArray:
    age = np.rint(
        random.from_quantiles("car age", shares.CAR_AGE_LEVELS, shares.CAR_AGE_YEARS, size)
    )
    # A known pile of cars recorded as 64 or 65 years old.
    kind = random.uniform("car age pile", size)
    age = np.where(kind < 0.033, 64.0 + (kind < 0.009), age)
    return np.where(kind > 0.9999, 91.0, age)


def _employment(people: People, random: BlockRandom) -> ColumnSet:
    size = len(people)
    years = people.age_days / 365.25
    retired = random.chance(
        "retired", np.interp(years, shares.PENSIONER_AGES, shares.PENSIONER_SHARES), size
    )
    days = random.from_quantiles("employed", shares.EMPLOYED_LEVELS, shares.EMPLOYED_DAYS, size)
    days = np.clip(np.rint(days), 11, np.maximum(people.age_days - 17 * 365, 11))
    income_type = _pick("income type", shares.INCOME_TYPE, size, random)
    without_job = np.where(_flag("unemployed", 0.0004, size, random), 1, 0)
    labels = (*income_type.labels, "Unemployed")
    inactive = np.where(without_job == 1, labels.index("Unemployed"), labels.index("Pensioner"))
    organization = _pick("organization", shares.ORGANIZATION, size, random)
    occupation = _pick("occupation", shares.OCCUPATION, size, random)
    no_occupation = retired | _flag("no occupation", 0.16, size, random)
    return {
        "NAME_INCOME_TYPE": Categories(np.where(retired, inactive, income_type.codes), labels),
        "DAYS_EMPLOYED": np.where(retired, NOT_APPLICABLE_DAYS, -days).astype(np.int64),
        "ORGANIZATION_TYPE": Categories(
            np.where(retired, len(organization.labels), organization.codes),
            (*organization.labels, NO_EMPLOYER),
        ),
        "OCCUPATION_TYPE": occupation.null_where(no_occupation),
    }


def _loan(people: People, random: BlockRandom, shift: Shift) -> ColumnSet:
    size = len(people)
    wealth = random.normal("wealth", size)
    income = _income(people, wealth, random)
    revolving = random.chance("revolving", people.by_population(0.096, 0.008), size)
    appetite = 0.4 * wealth + 0.917 * random.normal("appetite", size)
    goods = _goods_price(people, appetite, random, shift)
    credit = np.where(revolving, _card_limit(appetite), _with_insurance(goods, random))
    rate = np.where(revolving, 0.05, _payment_rate(people, credit, random, shift))
    annuity = np.clip(round_to(credit * rate, 4.5), 1_615.5, 230_161.5)
    goods = np.where(revolving, credit, goods)
    no_goods = revolving & random.chance("no goods", 0.0094, size)
    return {
        "NAME_CONTRACT_TYPE": Categories(revolving.astype(np.int64), (CASH, REVOLVING)),
        "AMT_INCOME_TOTAL": income,
        "AMT_CREDIT": credit,
        "AMT_ANNUITY": null_where(annuity, random.chance("no annuity", 0.00004, size)),
        "AMT_GOODS_PRICE": null_where(goods, no_goods),
        "NAME_TYPE_SUITE": _pick("suite", shares.SUITE, size, random).null_where(
            random.chance("no suite", people.by_population(0.0042, 0.0187), size)
        ),
        "WEEKDAY_APPR_PROCESS_START": _pick("weekday", shares.WEEKDAY, size, random),
        "HOUR_APPR_PROCESS_START": random.pick("hour", shares.HOUR, size),
    }


def _income(people: People, wealth: FloatArray, random: BlockRandom) -> FloatArray:
    size = len(people)
    income = np.exp(people.by_population(11.93, 11.97) + 0.49 * wealth)
    step = np.where(random.chance("round income", 0.7, size), 22_500.0, 4_500.0)
    rounded = np.rint(income / step) * step
    return np.clip(np.where(rounded < 27_000, 27_000.0, rounded), 25_650.0, 4_500_000.0)


def _goods_price(
    people: People, appetite: FloatArray, random: BlockRandom, shift: Shift
) -> FloatArray:
    size = len(people)
    mean = people.by_population(12.98, 12.79) + shift.loan_log
    price = np.exp(mean + 0.71 * appetite)
    step = np.where(random.chance("round price", 0.5, size), 45_000.0, 4_500.0)
    return clip(np.rint(price / step) * step, 45_000.0, 2_700_000.0)


def _card_limit(appetite: FloatArray) -> FloatArray:
    return clip(round_to(np.exp(12.5 + 0.45 * appetite), 45_000.0), 135_000.0, 900_000.0)


def _with_insurance(goods: FloatArray, random: BlockRandom) -> FloatArray:
    size = len(goods)
    extra = random.from_quantiles(
        "insurance", (0, 0.32, 0.35, 0.6, 0.8, 0.95, 1), (0, 0, 0.05, 0.132, 0.21, 0.37, 0.46), size
    )
    return np.minimum(round_to(goods * (1.0 + extra), 4.5), 4_050_000.0)


def _payment_rate(
    people: People, credit: FloatArray, random: BlockRandom, shift: Shift
) -> FloatArray:
    size = len(people)
    center = people.by_population(-3.0, -2.78)
    slope = -0.32 * (np.log(credit) - 13.05 - shift.loan_log)
    rate = np.exp(center + slope + 0.29 * random.normal("payment rate", size))
    return np.clip(rate, *PAYMENT_RATE_BOUNDS)


def _documents(people: People, contract: Categories, random: BlockRandom) -> ColumnSet:
    size = len(people)
    cash = contract.equals(CASH)
    columns: ColumnSet = {}
    main = random.uniform("main document", size)
    low = np.zeros(size)
    for number, (labelled, unlabelled) in shares.DOCUMENT_FLAGS.items():
        share = people.by_population(labelled, unlabelled)
        if number in shares.MAIN_DOCUMENTS:
            high = low + share / people.by_population(0.904, 0.992)
            flag = cash & (low <= main) & (main < high)
            low = high
        else:
            flag = random.chance(f"document {number}", share, size)
        columns[f"FLAG_DOCUMENT_{number}"] = flag.astype(np.int64)
    return columns


def _contacts(people: People, days_employed: FloatArray, random: BlockRandom) -> ColumnSet:
    size = len(people)
    employed = days_employed != NOT_APPLICABLE_DAYS
    flags = {
        "FLAG_MOBIL": random.chance("mobile", 0.999997, size),
        "FLAG_EMP_PHONE": employed,
        "FLAG_WORK_PHONE": employed & random.chance("work phone", 0.244, size),
        "FLAG_CONT_MOBILE": random.chance("reachable", 0.998, size),
        "FLAG_PHONE": random.chance("home phone", 0.281, size),
        "FLAG_EMAIL": random.chance("email", people.by_population(0.0567, 0.1627), size),
    }
    return {name: flag.astype(np.int64) for name, flag in flags.items()}


def _region(people: People, random: BlockRandom) -> ColumnSet:
    size = len(people)
    rating = 1 + random.pick("region rating", shares.REGION_RATING, size)
    draw = random.uniform("rating with city", size)
    city = np.where((rating == 2) & (draw < 0.008), 1, rating)
    city = np.where((rating == 3) & (draw < 0.1), 2 - (draw < 0.017), city)
    city = np.where(people.is_test & (draw > 0.99998), -1, city)
    population = np.array(shares.REGION_POPULATION)[
        random.pick("region population", shares.REGION_POPULATION_SHARES, size)
    ]
    return {
        "REGION_RATING_CLIENT": rating,
        "REGION_RATING_CLIENT_W_CITY": city,
        "REGION_POPULATION_RELATIVE": np.where(rating == 1, 0.035792, population),
    }


def _mismatches(people: People, random: BlockRandom) -> ColumnSet:
    size = len(people)
    columns: ColumnSet = {}
    for place, (live, work, live_work) in {
        "REGION": shares.REGION_MISMATCH,
        "CITY": shares.CITY_MISMATCH,
    }.items():
        lives_away = random.chance(f"{place} lives away", live, size)
        works_away = random.chance(f"{place} works away", work, size) | (
            lives_away & random.chance(f"{place} both", 0.4, size)
        )
        differ = works_away & random.chance(f"{place} differ", live_work / work, size)
        columns |= {
            f"REG_{place}_NOT_LIVE_{place}": lives_away.astype(np.int64),
            f"REG_{place}_NOT_WORK_{place}": works_away.astype(np.int64),
            f"LIVE_{place}_NOT_WORK_{place}": differ.astype(np.int64),
        }
    return columns


def _dates(people: People, random: BlockRandom) -> ColumnSet:
    size = len(people)
    registered = random.from_quantiles(
        "registration", shares.REGISTRATION_LEVELS, shares.REGISTRATION_DAYS, size
    )
    published = random.from_quantiles(
        "id published", shares.ID_PUBLISH_LEVELS, shares.ID_PUBLISH_DAYS, size
    )
    phone = random.from_quantiles(
        "phone change", shares.PHONE_CHANGE_LEVELS, shares.PHONE_CHANGE_DAYS, size
    )
    return {
        "DAYS_BIRTH": -people.age_days.astype(np.int64),
        "DAYS_REGISTRATION": -np.minimum(np.rint(registered), people.age_days),
        "DAYS_ID_PUBLISH": -np.rint(published).astype(np.int64),
        "DAYS_LAST_PHONE_CHANGE": -np.floor(phone),
    }


def _scores(people: People, has_bureau: BoolArray, random: BlockRandom) -> ColumnSet:
    size = len(people)
    age = (people.age_days - 16_000) / 4_350
    first = 0.45 * people.quality + 0.6 * age + 0.66 * random.normal("score 1", size)
    second = 0.5 * people.quality + 0.12 * age + 0.85 * random.normal("score 2", size)
    third = 0.55 * people.quality + 0.18 * age + 0.8 * random.normal("score 3", size)
    no_third = random.chance("no score 3", np.where(has_bureau, 0.09, 0.86), size)
    return {
        "EXT_SOURCE_1": null_where(
            0.0147 + 0.9329 * logistic(1.05 * first + 0.1),
            random.chance("no score 1", people.by_population(0.565, 0.43), size),
        ),
        "EXT_SOURCE_2": null_where(
            0.8549 * _skewed(second), random.chance("no score 2", 0.0021, size)
        ),
        "EXT_SOURCE_3": null_where(0.0006 + 0.8815 * logistic(1.05 * third + 0.35), no_third),
    }


def _skewed(score: FloatArray) -> FloatArray:
    """A share with a long lower tail, down to about 1e-5."""
    return np.clip(logistic(0.95 * score + 0.62 - 0.32 * np.square(np.minimum(score, 0))), 2e-5, 1)


def _social_circle(people: People, random: BlockRandom) -> ColumnSet:
    size = len(people)
    sociable = random.stream("sociable").gamma(0.5, 2.84, size)
    known = np.minimum(random.stream("social circle").poisson(sociable), 30)
    trouble = random.stream("defaults around").poisson(0.31 * np.exp(-0.35 * people.quality - 0.06))
    default_30 = np.minimum(trouble, np.minimum(known, 6))
    later = random.uniform("circle at 60 days", size)
    columns = {
        "OBS_30_CNT_SOCIAL_CIRCLE": known,
        "DEF_30_CNT_SOCIAL_CIRCLE": default_30,
        "OBS_60_CNT_SOCIAL_CIRCLE": np.clip(known - (later < 0.02), default_30, 29),
        "DEF_60_CNT_SOCIAL_CIRCLE": default_30 - ((default_30 > 0) & (later > 0.7)),
    }
    unknown = random.chance("no circle", people.by_population(0.0033, 0.0006), size)
    return {
        name: null_where(values.astype(np.float64), unknown) for name, values in columns.items()
    }


def _enquiries(people: People, has_bureau: BoolArray, random: BlockRandom) -> ColumnSet:
    size = len(people)
    unknown = random.chance("no enquiries", np.where(has_bureau, 0.02, 0.83), size)
    pace = np.exp(0.45 * people.strain - 0.1)
    columns: ColumnSet = {}
    for period, (labelled, unlabelled) in shares.ENQUIRIES.items():
        mean = people.by_population(labelled, unlabelled) * pace
        stream = random.stream(f"enquiries {period}")
        values = np.minimum(stream.poisson(mean), shares.ENQUIRY_CAPS[period])
        columns[f"AMT_REQ_CREDIT_BUREAU_{period}"] = null_where(values.astype(np.float64), unknown)
    return columns
