-- One row per applicant with credits at other lenders. Reads raw.bureau.
-- Leakage: the contract refuses credits opened after the application (days_credit > 0).
with

credits as (

    select
        sk_id_curr,
        credit_active,
        days_credit,
        days_credit_update,
        amt_credit_max_overdue,
        cnt_credit_prolong,
        amt_credit_sum,
        amt_credit_sum_debt,
        amt_credit_sum_limit,
        amt_credit_sum_overdue

    from raw.bureau

),

credits_by_applicant as (

    select
        sk_id_curr,
        count(*) filter (where credit_active = 'Active') as BUREAU_N_ACTIVE,
        count(*) filter (where credit_active = 'Closed') as BUREAU_N_CLOSED,
        max(days_credit) as BUREAU_LAST_CREDIT_DAYS,
        max(days_credit_update) as BUREAU_LAST_UPDATE_DAYS,
        exact_sum(amt_credit_sum_debt) as BUREAU_TOTAL_DEBT,
        exact_sum(amt_credit_sum) as BUREAU_TOTAL_CREDIT,
        exact_sum(amt_credit_sum_limit) as BUREAU_LIMIT_SUM,
        exact_sum(amt_credit_sum_overdue) as BUREAU_OVERDUE_SUM,
        sum(cnt_credit_prolong)::bigint as BUREAU_PROLONG_SUM,
        exact_mean(amt_credit_sum_debt / (amt_credit_sum + 1e-6)) as BUREAU_UTIL_MEAN,
        max(amt_credit_max_overdue) as BUREAU_MAX_OVERDUE

    from credits
    group by sk_id_curr

)

select * from credits_by_applicant
