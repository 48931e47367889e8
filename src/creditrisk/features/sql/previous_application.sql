-- One row per applicant with earlier applications. Reads raw.previous_application.
-- Leakage: the contract refuses decisions after the application (days_decision > 0).
with

previous_applications as (

    select
        sk_id_prev,
        sk_id_curr,
        name_contract_status,
        amt_application,
        amt_credit,
        amt_down_payment,
        cnt_payment,
        days_decision

    from raw.previous_application

),

applications_by_applicant as (

    select
        sk_id_curr,
        count(distinct sk_id_prev) as PREV_TOTAL,
        count(*) filter (where name_contract_status = 'Approved') as PREV_APPROVED,
        count(*) filter (where name_contract_status = 'Refused') as PREV_REFUSED,
        count(*) filter (where name_contract_status = 'Canceled') as PREV_CANCELLED,
        count(*) filter (where name_contract_status = 'Unused offer') as PREV_UNUSED,
        exact_mean(amt_application / nullif(amt_credit, 0))
            as PREV_APP_CREDIT_RATIO_MEAN,
        exact_mean(amt_down_payment / nullif(amt_credit, 0))
            as PREV_DOWNPAYMENT_RATE_MEAN,
        exact_mean(cnt_payment) as PREV_CNT_PAYMENT_MEAN,
        max(days_decision) as PREV_LAST_DECISION_DAYS,
        min(days_decision) as PREV_EARLIEST_DECISION_DAYS,
        PREV_APPROVED / PREV_TOTAL as PREV_APPROVAL_RATE,
        PREV_REFUSED / PREV_TOTAL as PREV_REFUSED_RATE

    from previous_applications
    group by sk_id_curr

)

select * from applications_by_applicant
