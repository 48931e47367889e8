-- One row per applicant of the application table, whatever histories it has.
-- Reads the tables that the other files define.
-- Leakage: none of them reads TARGET.
select * -- noqa: RF02

from features.application
left join features.application_nulls using (sk_id_curr)
left join features.bureau using (sk_id_curr)
left join features.bureau_balance using (sk_id_curr)
left join features.previous_application using (sk_id_curr)
left join features.installments_payments using (sk_id_curr)
left join features.credit_card_balance using (sk_id_curr)
left join features.pos_cash_balance using (sk_id_curr)
order by sk_id_curr
