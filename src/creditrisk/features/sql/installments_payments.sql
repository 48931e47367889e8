-- One row per applicant with instalments due on earlier loans.
-- Reads raw.installments_payments, raw.previous_application (whose loan it is).
-- Leakage: the contract refuses instalments and payments after the application.
with

previous_loans as (

    select
        sk_id_prev,
        sk_id_curr

    from raw.previous_application

),

instalments as (

    select
        sk_id_prev,
        amt_payment / (amt_instalment + 1e-6) as payment_ratio,
        days_entry_payment - days_instalment as late_days

    from raw.installments_payments

),

instalments_by_loan as (

    select
        sk_id_prev,
        exact_mean(payment_ratio) as payment_ratio_mean,
        count(payment_ratio) as payment_ratio_count,
        min(payment_ratio) as payment_ratio_min,
        max(payment_ratio) as payment_ratio_max,
        exact_mean(late_days) as late_days_mean,
        max(late_days) as late_days_max,
        count(*) filter (where late_days > 0) / count(*) as late_share,
        count(*) filter (where late_days > 30) / count(*) as severe_late_share

    from instalments
    group by sk_id_prev

),

ratio_spreads as (

    select
        sk_id_prev,
        payment_ratio_mean,
        greatest(
            payment_ratio_max - payment_ratio_mean,
            payment_ratio_mean - payment_ratio_min
        ) as payment_ratio_spread

    from instalments_by_loan
    where payment_ratio_min < payment_ratio_max

),

-- Deviations in units of the loan's widest one: their squares lie between 0 and 1, so
-- the exact sum keeps every digit whether ratios differ by 1e-10 or by 1e12
ratio_deviations as (

    select
        ratio_spreads.sk_id_prev,
        ratio_spreads.payment_ratio_spread,
        (instalments.payment_ratio - ratio_spreads.payment_ratio_mean)
        / ratio_spreads.payment_ratio_spread as deviation

    from instalments
    inner join ratio_spreads
        on instalments.sk_id_prev = ratio_spreads.sk_id_prev

),

ratio_deviations_by_loan as (

    select
        sk_id_prev,
        max(payment_ratio_spread)
        * sqrt(exact_sum(deviation * deviation) / (count(deviation) - 1))
            as payment_ratio_std

    from ratio_deviations
    group by sk_id_prev

),

loans as (

    select
        previous_loans.sk_id_curr,
        instalments_by_loan.payment_ratio_mean,
        instalments_by_loan.late_days_mean,
        instalments_by_loan.late_days_max,
        instalments_by_loan.late_share,
        instalments_by_loan.severe_late_share,
        case
            when instalments_by_loan.payment_ratio_count > 1
                then coalesce(ratio_deviations_by_loan.payment_ratio_std, 0)
        end as payment_ratio_std

    from instalments_by_loan
    inner join previous_loans
        on instalments_by_loan.sk_id_prev = previous_loans.sk_id_prev
    left join ratio_deviations_by_loan
        on instalments_by_loan.sk_id_prev = ratio_deviations_by_loan.sk_id_prev

),

loans_by_applicant as (

    select
        sk_id_curr,
        exact_mean(payment_ratio_mean) as INSTAL_PAYMENT_RATIO_MEAN,
        exact_mean(payment_ratio_std) as INSTAL_PAYMENT_RATIO_STD,
        exact_mean(late_days_mean) as INSTAL_LATE_MEAN,
        max(late_days_max) as INSTAL_LATE_MAX,
        exact_mean(late_share) as INSTAL_LATE_SHARE,
        exact_mean(severe_late_share) as INSTAL_SEVERE_LATE_SHARE

    from loans
    group by sk_id_curr

)

select * from loans_by_applicant
