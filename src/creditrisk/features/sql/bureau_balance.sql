-- One row per applicant with a monthly history at other lenders.
-- Reads raw.bureau_balance, raw.bureau (whose credit it is).
-- Leakage: the contract refuses months after the application (months_balance > 0).
with

credits as (

    select
        sk_id_bureau,
        sk_id_curr

    from raw.bureau

),

months as (

    select
        sk_id_bureau,
        months_balance,
        -- 0 is paid on time, C is closed, X is unknown: none of them is delinquent
        case status
            when '1' then 1
            when '2' then 2
            when '3' then 3
            when '4' then 4
            when '5' then 5
            else 0
        end as worst_status

    from raw.bureau_balance

),

months_by_credit as (

    select
        sk_id_bureau,
        count(*) filter (where worst_status > 0) / count(*) as delinquent_share,
        max(worst_status) as worst_status,
        -max(months_balance) filter (where worst_status > 0)
            as months_since_delinquency

    from months
    group by sk_id_bureau

),

credits_by_applicant as (

    select
        credits.sk_id_curr,
        exact_mean(months_by_credit.delinquent_share) as BB_DELINQ_SHARE_MEAN,
        max(months_by_credit.worst_status)::bigint as BB_WORST_STATUS_MAX,
        min(months_by_credit.months_since_delinquency)
            as BB_MONTHS_SINCE_LAST_DELINQ_MIN

    from months_by_credit
    inner join credits
        on months_by_credit.sk_id_bureau = credits.sk_id_bureau
    group by credits.sk_id_curr

)

select * from credits_by_applicant
