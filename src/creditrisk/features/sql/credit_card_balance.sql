-- One row per applicant with a card from earlier.
-- Reads raw.credit_card_balance, raw.previous_application (whose card it is).
-- Leakage: the contract refuses months after the application (months_balance > 0).
with

previous_cards as (

    select
        sk_id_prev,
        sk_id_curr

    from raw.previous_application

),

months as (

    select
        sk_id_prev,
        sk_dpd,
        sk_dpd_def,
        amt_balance / (amt_credit_limit_actual + 1e-6) as utilisation,
        amt_payment_total_current / (amt_inst_min_regularity + 1e-6)
            as minimum_payment_coverage,
        amt_drawings_atm_current / (amt_credit_limit_actual + 1e-6) as cash_ratio

    from raw.credit_card_balance

),

months_by_card as (

    select
        sk_id_prev,
        exact_mean(utilisation) as utilisation_mean,
        max(utilisation) as utilisation_max,
        exact_mean(minimum_payment_coverage) as minimum_payment_coverage_mean,
        count(*) filter (where minimum_payment_coverage >= 1) / count(*)
            as minimum_payment_met_share,
        count(*) filter (where sk_dpd > 0 or sk_dpd_def > 0) / count(*)
            as past_due_share,
        max(sk_dpd) as days_past_due_max,
        exact_mean(cash_ratio) as cash_ratio_mean

    from months
    group by sk_id_prev

),

cards_by_applicant as (

    select
        previous_cards.sk_id_curr,
        exact_mean(months_by_card.utilisation_mean) as CC_UTIL_MEAN,
        max(months_by_card.utilisation_max) as CC_UTIL_MAX,
        exact_mean(months_by_card.minimum_payment_coverage_mean)
            as CC_MINPAY_COVERAGE_MEAN,
        exact_mean(months_by_card.minimum_payment_met_share) as CC_MINPAY_MET_SHARE,
        exact_mean(months_by_card.past_due_share) as CC_DPD_ANY_SHARE,
        max(months_by_card.days_past_due_max) as CC_DPD_MAX,
        exact_mean(months_by_card.cash_ratio_mean) as CC_CASH_RATIO_MEAN

    from months_by_card
    inner join previous_cards
        on months_by_card.sk_id_prev = previous_cards.sk_id_prev
    group by previous_cards.sk_id_curr

)

select * from cards_by_applicant
