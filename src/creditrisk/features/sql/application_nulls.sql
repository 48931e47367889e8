-- One row per applicant. Reads raw.application: which columns are empty, no values.
-- Leakage: TARGET is not read.
with

applications as (

    select
        sk_id_curr,
        name_contract_type,
        code_gender,
        flag_own_car,
        flag_own_realty,
        cnt_children,
        amt_income_total,
        amt_credit,
        amt_annuity,
        amt_goods_price,
        name_type_suite,
        name_income_type,
        name_education_type,
        name_family_status,
        name_housing_type,
        region_population_relative,
        days_birth,
        days_employed,
        days_registration,
        days_id_publish,
        own_car_age,
        flag_mobil,
        flag_emp_phone,
        flag_work_phone,
        flag_cont_mobile,
        flag_phone,
        flag_email,
        occupation_type,
        cnt_fam_members,
        region_rating_client,
        region_rating_client_w_city,
        weekday_appr_process_start,
        hour_appr_process_start,
        reg_region_not_live_region,
        reg_region_not_work_region,
        live_region_not_work_region,
        reg_city_not_live_city,
        reg_city_not_work_city,
        live_city_not_work_city,
        organization_type,
        ext_source_1,
        ext_source_2,
        ext_source_3,
        apartments_avg,
        basementarea_avg,
        years_beginexpluatation_avg,
        years_build_avg,
        commonarea_avg,
        elevators_avg,
        entrances_avg,
        floorsmax_avg,
        floorsmin_avg,
        landarea_avg,
        livingapartments_avg,
        livingarea_avg,
        nonlivingapartments_avg,
        nonlivingarea_avg,
        apartments_mode,
        basementarea_mode,
        years_beginexpluatation_mode,
        years_build_mode,
        commonarea_mode,
        elevators_mode,
        entrances_mode,
        floorsmax_mode,
        floorsmin_mode,
        landarea_mode,
        livingapartments_mode,
        livingarea_mode,
        nonlivingapartments_mode,
        nonlivingarea_mode,
        apartments_medi,
        basementarea_medi,
        years_beginexpluatation_medi,
        years_build_medi,
        commonarea_medi,
        elevators_medi,
        entrances_medi,
        floorsmax_medi,
        floorsmin_medi,
        landarea_medi,
        livingapartments_medi,
        livingarea_medi,
        nonlivingapartments_medi,
        nonlivingarea_medi,
        fondkapremont_mode,
        housetype_mode,
        totalarea_mode,
        wallsmaterial_mode,
        emergencystate_mode,
        obs_30_cnt_social_circle,
        def_30_cnt_social_circle,
        obs_60_cnt_social_circle,
        def_60_cnt_social_circle,
        days_last_phone_change,
        flag_document_2,
        flag_document_3,
        flag_document_4,
        flag_document_5,
        flag_document_6,
        flag_document_7,
        flag_document_8,
        flag_document_9,
        flag_document_10,
        flag_document_11,
        flag_document_12,
        flag_document_13,
        flag_document_14,
        flag_document_15,
        flag_document_16,
        flag_document_17,
        flag_document_18,
        flag_document_19,
        flag_document_20,
        flag_document_21,
        amt_req_credit_bureau_hour,
        amt_req_credit_bureau_day,
        amt_req_credit_bureau_week,
        amt_req_credit_bureau_mon,
        amt_req_credit_bureau_qrt,
        amt_req_credit_bureau_year

    from raw.application

),

null_counts as (

    select
        sk_id_curr,
        (name_contract_type is null)::integer
        + (code_gender is null)::integer
        + (flag_own_car is null)::integer
        + (flag_own_realty is null)::integer
        + (cnt_children is null)::integer
        + (amt_income_total is null)::integer
        + (amt_credit is null)::integer
        + (amt_annuity is null)::integer
        + (amt_goods_price is null)::integer
        + (name_type_suite is null)::integer
        + (name_income_type is null)::integer
        + (name_education_type is null)::integer
        + (name_family_status is null)::integer
        + (name_housing_type is null)::integer
        + (region_population_relative is null)::integer
        + (days_birth is null)::integer
        + (days_employed is null)::integer
        + (days_registration is null)::integer
        + (days_id_publish is null)::integer
        + (own_car_age is null)::integer
        + (flag_mobil is null)::integer
        + (flag_emp_phone is null)::integer
        + (flag_work_phone is null)::integer
        + (flag_cont_mobile is null)::integer
        + (flag_phone is null)::integer
        + (flag_email is null)::integer
        + (occupation_type is null)::integer
        + (cnt_fam_members is null)::integer
        + (region_rating_client is null)::integer
        + (region_rating_client_w_city is null)::integer
        + (weekday_appr_process_start is null)::integer
        + (hour_appr_process_start is null)::integer
        + (reg_region_not_live_region is null)::integer
        + (reg_region_not_work_region is null)::integer
        + (live_region_not_work_region is null)::integer
        + (reg_city_not_live_city is null)::integer
        + (reg_city_not_work_city is null)::integer
        + (live_city_not_work_city is null)::integer
        + (organization_type is null)::integer
        + (ext_source_1 is null)::integer
        + (ext_source_2 is null)::integer
        + (ext_source_3 is null)::integer
        + (apartments_avg is null)::integer
        + (basementarea_avg is null)::integer
        + (years_beginexpluatation_avg is null)::integer
        + (years_build_avg is null)::integer
        + (commonarea_avg is null)::integer
        + (elevators_avg is null)::integer
        + (entrances_avg is null)::integer
        + (floorsmax_avg is null)::integer
        + (floorsmin_avg is null)::integer
        + (landarea_avg is null)::integer
        + (livingapartments_avg is null)::integer
        + (livingarea_avg is null)::integer
        + (nonlivingapartments_avg is null)::integer
        + (nonlivingarea_avg is null)::integer
        + (apartments_mode is null)::integer
        + (basementarea_mode is null)::integer
        + (years_beginexpluatation_mode is null)::integer
        + (years_build_mode is null)::integer
        + (commonarea_mode is null)::integer
        + (elevators_mode is null)::integer
        + (entrances_mode is null)::integer
        + (floorsmax_mode is null)::integer
        + (floorsmin_mode is null)::integer
        + (landarea_mode is null)::integer
        + (livingapartments_mode is null)::integer
        + (livingarea_mode is null)::integer
        + (nonlivingapartments_mode is null)::integer
        + (nonlivingarea_mode is null)::integer
        + (apartments_medi is null)::integer
        + (basementarea_medi is null)::integer
        + (years_beginexpluatation_medi is null)::integer
        + (years_build_medi is null)::integer
        + (commonarea_medi is null)::integer
        + (elevators_medi is null)::integer
        + (entrances_medi is null)::integer
        + (floorsmax_medi is null)::integer
        + (floorsmin_medi is null)::integer
        + (landarea_medi is null)::integer
        + (livingapartments_medi is null)::integer
        + (livingarea_medi is null)::integer
        + (nonlivingapartments_medi is null)::integer
        + (nonlivingarea_medi is null)::integer
        + (fondkapremont_mode is null)::integer
        + (housetype_mode is null)::integer
        + (totalarea_mode is null)::integer
        + (wallsmaterial_mode is null)::integer
        + (emergencystate_mode is null)::integer
        + (obs_30_cnt_social_circle is null)::integer
        + (def_30_cnt_social_circle is null)::integer
        + (obs_60_cnt_social_circle is null)::integer
        + (def_60_cnt_social_circle is null)::integer
        + (days_last_phone_change is null)::integer
        + (flag_document_2 is null)::integer
        + (flag_document_3 is null)::integer
        + (flag_document_4 is null)::integer
        + (flag_document_5 is null)::integer
        + (flag_document_6 is null)::integer
        + (flag_document_7 is null)::integer
        + (flag_document_8 is null)::integer
        + (flag_document_9 is null)::integer
        + (flag_document_10 is null)::integer
        + (flag_document_11 is null)::integer
        + (flag_document_12 is null)::integer
        + (flag_document_13 is null)::integer
        + (flag_document_14 is null)::integer
        + (flag_document_15 is null)::integer
        + (flag_document_16 is null)::integer
        + (flag_document_17 is null)::integer
        + (flag_document_18 is null)::integer
        + (flag_document_19 is null)::integer
        + (flag_document_20 is null)::integer
        + (flag_document_21 is null)::integer
        + (amt_req_credit_bureau_hour is null)::integer
        + (amt_req_credit_bureau_day is null)::integer
        + (amt_req_credit_bureau_week is null)::integer
        + (amt_req_credit_bureau_mon is null)::integer
        + (amt_req_credit_bureau_qrt is null)::integer
        + (amt_req_credit_bureau_year is null)::integer as TOT_MISSING_COUNT

    from applications

)

select * from null_counts
