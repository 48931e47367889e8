"""How often each value of an application column occurs: tables of shares, as data.

Shares are rounded marginal frequencies of the data model's public description.
"""

from __future__ import annotations

from collections.abc import Mapping

INCOME_TYPE: Mapping[str, float] = {
    "Working": 0.636,
    "Commercial associate": 0.283,
    "State servant": 0.0802,
    "Pensioner": 0.0002,
    "Student": 0.0002,
    "Businessman": 0.0001,
    "Maternity leave": 0.0001,
}
EDUCATION: Mapping[str, float] = {
    "Secondary / secondary special": 0.71,
    "Higher education": 0.243,
    "Incomplete higher": 0.0334,
    "Lower secondary": 0.0124,
    "Academic degree": 0.0006,
}
FAMILY_STATUS: Mapping[str, float] = {
    "Married": 0.6388,
    "Single / not married": 0.1478,
    "Civil marriage": 0.0968,
    "Separated": 0.0643,
    "Widow": 0.0523,
    "Unknown": 0.00001,
}
WITH_PARTNER = ("Married", "Civil marriage")
HOUSING: Mapping[str, float] = {
    "House / apartment": 0.8873,
    "With parents": 0.0483,
    "Municipal apartment": 0.0364,
    "Rented apartment": 0.0159,
    "Office apartment": 0.0085,
    "Co-op apartment": 0.0036,
}
SUITE: Mapping[str, float] = {
    "Unaccompanied": 0.8116,
    "Family": 0.1311,
    "Spouse, partner": 0.0371,
    "Children": 0.0107,
    "Other_B": 0.0058,
    "Other_A": 0.0028,
    "Group of people": 0.0009,
}
WEEKDAY: Mapping[str, float] = {
    "TUESDAY": 0.175,
    "WEDNESDAY": 0.169,
    "MONDAY": 0.165,
    "THURSDAY": 0.165,
    "FRIDAY": 0.164,
    "SATURDAY": 0.11,
    "SUNDAY": 0.052,
}
# Hour 0 to 23.
HOUR = (
    0.0001, 0.0003, 0.001, 0.004, 0.0068, 0.0116, 0.018, 0.03, 0.049, 0.09, 0.1225, 0.121,
    0.111, 0.101, 0.09, 0.08, 0.066, 0.05, 0.027, 0.0125, 0.004, 0.0013, 0.0005, 0.0001,
)  # fmt: skip
OCCUPATION: Mapping[str, float] = {
    "Laborers": 55_186,
    "Sales staff": 32_102,
    "Core staff": 27_570,
    "Managers": 21_371,
    "Drivers": 18_603,
    "High skill tech staff": 11_380,
    "Accountants": 9_813,
    "Medicine staff": 8_537,
    "Security staff": 6_721,
    "Cooking staff": 5_946,
    "Cleaning staff": 4_653,
    "Private service staff": 2_652,
    "Low-skill Laborers": 2_093,
    "Waiters/barmen staff": 1_348,
    "Secretaries": 1_305,
    "Realty agents": 751,
    "HR staff": 563,
    "IT staff": 526,
}
ORGANIZATION: Mapping[str, float] = {
    "Business Entity Type 3": 67_992,
    "Self-employed": 38_412,
    "Other": 16_683,
    "Medicine": 11_193,
    "Business Entity Type 2": 10_553,
    "Government": 10_404,
    "School": 8_893,
    "Trade: type 7": 7_831,
    "Kindergarten": 6_880,
    "Construction": 6_721,
    "Business Entity Type 1": 5_984,
    "Transport: type 4": 5_398,
    "Trade: type 3": 3_492,
    "Industry: type 9": 3_368,
    "Industry: type 3": 3_278,
    "Security": 3_247,
    "Housing": 2_958,
    "Industry: type 11": 2_704,
    "Military": 2_634,
    "Bank": 2_507,
    "Agriculture": 2_454,
    "Police": 2_341,
    "Transport: type 2": 2_204,
    "Postal": 2_157,
    "Security Ministries": 1_974,
    "Trade: type 2": 1_900,
    "Restaurant": 1_811,
    "Services": 1_575,
    "University": 1_327,
    "Industry: type 7": 1_307,
    "Transport: type 3": 1_187,
    "Industry: type 1": 1_039,
    "Hotel": 966,
    "Electricity": 950,
    "Industry: type 4": 877,
    "Trade: type 6": 631,
    "Industry: type 5": 599,
    "Insurance": 597,
    "Telecom": 577,
    "Emergency": 560,
    "Industry: type 2": 458,
    "Advertising": 429,
    "Realtor": 396,
    "Culture": 379,
    "Industry: type 12": 369,
    "Trade: type 1": 348,
    "Mobile": 317,
    "Legal Services": 305,
    "Cleaning": 260,
    "Transport: type 1": 201,
    "Industry: type 6": 112,
    "Industry: type 10": 109,
    "Religion": 85,
    "Industry: type 13": 67,
    "Trade: type 4": 64,
    "Trade: type 5": 49,
    "Industry: type 8": 24,
}
# Share of each rating of the applicant's region, 1 the best.
REGION_RATING = (0.105, 0.738, 0.157)
# Share with the flag set in application_train and in application_test, where most are constant.
DOCUMENT_FLAGS: Mapping[int, tuple[float, float]] = {
    2: (0.00004, 0.0),
    3: (0.71, 0.787),
    4: (0.0001, 0.0001),
    5: (0.0151, 0.0147),
    6: (0.088, 0.0875),
    7: (0.0002, 0.0),
    8: (0.0814, 0.0886),
    9: (0.0039, 0.0045),
    10: (0.0, 0.0),
    11: (0.0039, 0.0012),
    12: (0.00001, 0.0),
    13: (0.0035, 0.0),
    14: (0.0029, 0.0),
    15: (0.0012, 0.0),
    16: (0.0099, 0.0),
    17: (0.0003, 0.0),
    18: (0.0081, 0.0016),
    19: (0.0006, 0.0),
    20: (0.0005, 0.0),
    21: (0.0003, 0.0),
}
# The identity documents of which an applicant of a cash loan shows at most one.
MAIN_DOCUMENTS = (3, 6, 8)
# Mean number of enquiries in application_train and in application_test.
ENQUIRIES: Mapping[str, tuple[float, float]] = {
    "HOUR": (0.0064, 0.0021),
    "DAY": (0.007, 0.0018),
    "WEEK": (0.0344, 0.0028),
    "MON": (0.2674, 0.0093),
    "QRT": (0.2655, 0.5469),
    "YEAR": (1.9, 1.98),
}
ENQUIRY_CAPS: Mapping[str, int] = {
    "HOUR": 4, "DAY": 6, "WEEK": 8, "MON": 17, "QRT": 8, "YEAR": 20,
}  # fmt: skip
# Share of pensioners (no employer) among people of an age in years.
PENSIONER_AGES = (20, 34, 45, 50, 54, 56, 58, 60, 62, 66, 70)
PENSIONER_SHARES = (0.001, 0.003, 0.02, 0.05, 0.13, 0.42, 0.6, 0.76, 0.85, 0.95, 0.98)
EMPLOYED_LEVELS = (0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1)
EMPLOYED_DAYS = (11, 112, 328, 760, 1_650, 3_170, 5_360, 10_936, 17_900)
REGISTRATION_LEVELS = (0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1)
REGISTRATION_DAYS = (0, 61, 690, 2_003, 4_510, 7_480, 9_980, 13_804, 22_900)
ID_PUBLISH_LEVELS = (0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1)
ID_PUBLISH_DAYS = (0, 62, 719, 1_720, 3_254, 4_299, 4_729, 5_508, 6_230)
PHONE_CHANGE_LEVELS = (0, 0.123, 0.25, 0.5, 0.75, 0.9, 0.99, 1)
PHONE_CHANGE_DAYS = (0, 0, 274, 757, 1_570, 2_144, 3_096, 4_170)
CAR_AGE_LEVELS = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
CAR_AGE_YEARS = (0, 1, 5, 9, 15, 26, 40)
# Population shares of regions; fixed levels, as the data model has.
REGION_POPULATION = (
    0.00029, 0.002134, 0.003541, 0.00496, 0.006671, 0.008019, 0.009175, 0.010006, 0.01452,
    0.015221, 0.018029, 0.01885, 0.019101, 0.020246, 0.020713, 0.02461, 0.025164, 0.026392,
    0.028663, 0.030755, 0.031329, 0.035792, 0.04622, 0.072508,
)  # fmt: skip
REGION_POPULATION_SHARES = (
    0.001, 0.02, 0.03, 0.04, 0.06, 0.06, 0.06, 0.06, 0.05, 0.05, 0.05, 0.05, 0.05, 0.04, 0.04,
    0.04, 0.05, 0.04, 0.04, 0.05, 0.04, 0.05, 0.045, 0.028,
)  # fmt: skip
# Weight of each address flag's chance; each triple shares the person's mobility.
REGION_MISMATCH = (0.0165, 0.044, 0.035)
CITY_MISMATCH = (0.083, 0.205, 0.158)
