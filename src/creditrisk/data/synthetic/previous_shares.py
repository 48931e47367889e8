"""How often each value of a previous_application column occurs: tables of shares, as data."""

from __future__ import annotations

from collections.abc import Mapping

CONTRACTS = ("Consumer loans", "Cash loans", "Revolving loans", "XNA")
CONSUMER, CASH, REVOLVING, UNNAMED = range(4)
STATUSES = ("Approved", "Canceled", "Refused", "Unused offer")
APPROVED, CANCELED, REFUSED, UNUSED = range(4)

# Contract types of applications other than the one that opened a card.
CONTRACT_SHARES = (0.4452, 0.4905, 0.064, 0.0003)
# Status by contract type for a person of average quality; a revolving one is never approved here.
STATUS_SHARES: tuple[tuple[float, ...], ...] = (
    (0.872, 0.0012, 0.088, 0.0388),
    (0.41, 0.384, 0.2053, 0.0007),
    (0.0, 0.518, 0.4815, 0.0005),
    (0.0, 0.93, 0.07, 0.0),
)
DECISION_LEVELS = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
DECISION_DAYS: tuple[tuple[float, ...], ...] = (
    (-2_920, -2_700, -1_830, -1_070, -560, -170, -3),
    (-2_900, -1_500, -560, -310, -170, -50, -2),
    (-2_920, -2_330, -900, -420, -230, -60, -2),
    (-2_700, -1_800, -900, -540, -300, -60, -2),
)
GRANTED_CASH_DECISION_DAYS = (-2_900, -2_450, -1_350, -774, -380, -120, -2)
CARD_DECISION_DAYS = (-2_920, -2_630, -1_260, -570, -290, -120, -20)
# Terms in months of consumer loans, of cash loans asked for, and of those granted.
TERMS: tuple[Mapping[int, float], ...] = (
    {12: 0.33, 6: 0.245, 10: 0.2, 24: 0.088, 8: 0.044, 18: 0.04, 4: 0.04, 14: 0.012, 16: 0.009,
     36: 0.009, 5: 0.005},
    {12: 0.226, 24: 0.173, 36: 0.148, 18: 0.119, 60: 0.114, 48: 0.102, 6: 0.065, 30: 0.03,
     42: 0.015, 54: 0.003, 9: 0.001},
    {12: 0.33, 24: 0.19, 18: 0.16, 6: 0.11, 36: 0.095, 48: 0.045, 60: 0.035, 30: 0.03, 42: 0.003,
     54: 0.001, 9: 0.001},
)  # fmt: skip
REJECT_REASONS: Mapping[str, float] = {
    "HC": 0.6029,
    "LIMIT": 0.1916,
    "SCO": 0.1289,
    "SCOFR": 0.0441,
    "XNA": 0.018,
    "VERIF": 0.0122,
    "SYSTEM": 0.0025,
}
PURPOSES: Mapping[str, float] = {
    "XNA": 677_918,
    "Repairs": 23_765,
    "Other": 15_608,
    "Urgent needs": 8_412,
    "Buying a used car": 2_888,
    "Building a house or an annex": 2_693,
    "Everyday expenses": 2_416,
    "Medicine": 2_174,
    "Payments on other loans": 1_931,
    "Education": 1_573,
    "Journey": 1_239,
    "Purchase of electronic equipment": 1_061,
    "Buying a new car": 1_012,
    "Wedding / gift / holiday": 962,
    "Buying a home": 865,
    "Car repairs": 797,
    "Furniture": 749,
    "Buying a holiday home / land": 533,
    "Business development": 426,
    "Gasification / water supply": 300,
    "Buying a garage": 136,
    "Hobby": 55,
}
CLIENT_TYPES: Mapping[str, float] = {
    "Repeater": 0.7372, "New": 0.1804, "Refreshed": 0.0812, "XNA": 0.0012,
}  # fmt: skip
GOODS: Mapping[str, float] = {
    "Mobile": 224_708,
    "Consumer Electronics": 121_576,
    "Computers": 105_769,
    "Audio/Video": 99_441,
    "Furniture": 53_656,
    "Photo / Cinema Equipment": 25_021,
    "Construction Materials": 24_995,
    "Clothing and Accessories": 23_554,
    "Auto Accessories": 7_381,
    "Jewelry": 6_290,
    "Homewares": 5_023,
    "Medical Supplies": 3_843,
    "Vehicles": 3_370,
    "Sport and Leisure": 2_981,
    "Gardening": 2_668,
    "Other": 2_554,
    "Office Appliances": 2_333,
    "Tourism": 1_659,
    "Medicine": 1_550,
    "Direct Sales": 446,
    "Fitness": 209,
    "Additional Service": 128,
    "Education": 107,
    "Weapon": 77,
    "Insurance": 64,
}
# Seller's industry and product family of each category of goods; others are sold by electronics shops.
SELLERS: Mapping[str, tuple[str, str]] = {
    "Mobile": ("Connectivity", "mobile"),
    "Furniture": ("Furniture", "industry"),
    "Construction Materials": ("Construction", "industry"),
    "Clothing and Accessories": ("Clothing", "industry"),
    "Auto Accessories": ("Auto technology", "other"),
    "Vehicles": ("Auto technology", "other"),
    "Jewelry": ("Jewelry", "other"),
    "Homewares": ("Construction", "industry"),
    "Medical Supplies": ("Industry", "industry"),
    "Medicine": ("Industry", "industry"),
    "Gardening": ("Industry", "other"),
    "Tourism": ("Tourism", "other"),
    "Direct Sales": ("MLM partners", "other"),
}
SELLER_INDUSTRIES = (
    "XNA", "Consumer electronics", "Connectivity", "Furniture", "Construction", "Clothing",
    "Auto technology", "Jewelry", "Industry", "Tourism", "MLM partners",
)  # fmt: skip
YIELD_GROUPS = ("XNA", "high", "middle", "low_normal", "low_action")
NO_YIELD, HIGH, MIDDLE, LOW_NORMAL, LOW_ACTION = range(5)
YIELD_SHARES: tuple[tuple[float, ...], ...] = (
    (0.0, 0.34, 0.33, 0.21, 0.12),
    (0.0, 0.26, 0.4, 0.29, 0.05),
)
# Channel by contract type.
CHANNELS = (
    "Credit and cash offices",
    "Country-wide",
    "Stone",
    "Regional / Local",
    "Contact center",
    "AP+ (Cash loan)",
    "Channel of corporate sales",
    "Car dealer",
)
CHANNEL_SHARES: tuple[tuple[float, ...], ...] = (
    (0.0015, 0.592, 0.272, 0.134, 0.0, 0.0, 0.0, 0.0005),
    (0.803, 0.053, 0.004, 0.003, 0.084, 0.047, 0.006, 0.0),
    (0.677, 0.137, 0.025, 0.033, 0.051, 0.071, 0.006, 0.0),
    (0.1, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)
PAYMENT_TYPES = (
    "Cash through the bank",
    "XNA",
    "Non-cash from your account",
    "Cashless from the account of the employer",
)
# Payment type by contract type.
PAYMENT_SHARES: tuple[tuple[float, ...], ...] = (
    (0.868, 0.1225, 0.0085, 0.001),
    (0.521, 0.4755, 0.003, 0.0005),
    (0.0, 1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0, 0.0),
)
SUITE_NULL = (0.36, 0.57, 0.66, 1.0)
INSURED = (0.166, 0.8, 0.005, 0.0)
PORTFOLIOS = ("XNA", "POS", "Cash", "Cards", "Cars")
PRODUCT_TYPES = ("XNA", "x-sell", "walk-in")
PRODUCTS = (
    "Cash",
    "Cash Street: high",
    "Cash Street: low",
    "Cash Street: middle",
    "Cash X-Sell: high",
    "Cash X-Sell: low",
    "Cash X-Sell: middle",
    "Card Street",
    "Card X-Sell",
    "POS household with interest",
    "POS household without interest",
    "POS industry with interest",
    "POS industry without interest",
    "POS mobile with interest",
    "POS mobile without interest",
    "POS other with interest",
    "POS others without interest",
)
# Whom applicants came with, and when: at shops and offices more often on weekends.
SUITE: Mapping[str, float] = {
    "Unaccompanied": 0.609,
    "Family": 0.245,
    "Spouse, partner": 0.075,
    "Children": 0.036,
    "Other_B": 0.022,
    "Other_A": 0.01,
    "Group of people": 0.003,
}
WEEKDAY: Mapping[str, float] = {
    "TUESDAY": 0.157,
    "FRIDAY": 0.153,
    "WEDNESDAY": 0.152,
    "MONDAY": 0.151,
    "THURSDAY": 0.149,
    "SATURDAY": 0.141,
    "SUNDAY": 0.097,
}
AREA_LEVELS = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.99999, 1)
AREA_SIZES = (0, 15, 30, 70, 800, 2_300, 5_000, 8_000, 250_000)
