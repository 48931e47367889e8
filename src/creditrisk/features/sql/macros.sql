-- Sums and means that come out the same whatever the order of the rows.
-- Each value is rounded once to 18 decimals; sums of decimals are exact integers.
create or replace macro exact_sum(amount) as (
    sum(amount::decimal(38, 18))::double
);

create or replace macro exact_mean(amount) as (
    avg(amount::decimal(38, 18))
);
