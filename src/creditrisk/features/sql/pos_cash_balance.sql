-- One row per applicant with point-of-sale or cash loans from earlier.
-- Reads raw.pos_cash_balance, raw.previous_application (whose loan it is).
-- Leakage: the contract refuses months after the application (months_balance > 0).
with

previous_loans as (

    select
        sk_id_prev,
        sk_id_curr

    from raw.previous_application

),

months as (

    select
        sk_id_prev,
        months_balance,
        name_contract_status,
        sk_dpd,
        sk_dpd_def

    from raw.pos_cash_balance

),

months_by_loan as (

    select
        sk_id_prev,
        count(*) filter (where sk_dpd > 0 or sk_dpd_def > 0) / count(*)
            as past_due_share,
        max(sk_dpd) as days_past_due_max,
        -max(months_balance) filter (where name_contract_status = 'Active')
            as months_since_active

    from months
    group by sk_id_prev

),

loans_by_applicant as (

    select
        previous_loans.sk_id_curr,
        exact_mean(months_by_loan.past_due_share) as POS_DPD_ANY_SHARE,
        max(months_by_loan.days_past_due_max) as POS_DPD_MAX,
        max(months_by_loan.months_since_active) as POS_MONTHS_SINCE_LAST_ACTIVE

    from months_by_loan
    inner join previous_loans
        on months_by_loan.sk_id_prev = previous_loans.sk_id_prev
    group by previous_loans.sk_id_curr

)

select * from loans_by_applicant
