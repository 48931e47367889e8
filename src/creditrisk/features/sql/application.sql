-- One row per applicant. Reads raw.application.
-- Leakage: everything here is known on the day of the application; TARGET is not read.
with

applications as (

    select
        sk_id_curr,
        ext_source_1,
        ext_source_2,
        ext_source_3,
        amt_annuity,
        amt_credit,
        amt_goods_price,
        amt_income_total,
        days_birth,
        days_employed,
        days_registration,
        days_id_publish,
        days_last_phone_change,
        cnt_children,
        cnt_fam_members,
        region_rating_client,
        region_rating_client_w_city,
        region_population_relative,
        hour_appr_process_start,
        code_gender,
        name_income_type,
        name_education_type,
        name_housing_type,
        name_contract_type,
        name_family_status,
        weekday_appr_process_start,
        flag_own_car,
        flag_own_realty,
        own_car_age,
        reg_region_not_live_region,
        reg_region_not_work_region,
        live_region_not_work_region,
        reg_city_not_live_city,
        reg_city_not_work_city,
        live_city_not_work_city,
        obs_30_cnt_social_circle,
        obs_60_cnt_social_circle,
        def_30_cnt_social_circle,
        def_60_cnt_social_circle,
        amt_req_credit_bureau_hour,
        amt_req_credit_bureau_day,
        amt_req_credit_bureau_week,
        amt_req_credit_bureau_mon,
        amt_req_credit_bureau_qrt,
        amt_req_credit_bureau_year,
        flag_mobil,
        flag_emp_phone,
        flag_work_phone,
        flag_cont_mobile,
        flag_phone,
        flag_email,
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
        -- 365243 is no number of days: it marks applicants without employment
        case when days_employed != 365243 then days_employed end as days_in_job

    from raw.application

),

application_features as (

    select
        sk_id_curr,
        EXT_SOURCE_1,
        EXT_SOURCE_2,
        EXT_SOURCE_3,
        AMT_ANNUITY,
        AMT_CREDIT,
        AMT_GOODS_PRICE,
        AMT_INCOME_TOTAL,
        DAYS_BIRTH,
        DAYS_EMPLOYED,
        DAYS_REGISTRATION,
        DAYS_ID_PUBLISH,
        DAYS_LAST_PHONE_CHANGE,
        CNT_CHILDREN,
        CNT_FAM_MEMBERS,
        REGION_RATING_CLIENT,
        REGION_RATING_CLIENT_W_CITY,
        REGION_POPULATION_RELATIVE,
        HOUR_APPR_PROCESS_START,
        CODE_GENDER,
        NAME_INCOME_TYPE,
        NAME_EDUCATION_TYPE,
        NAME_HOUSING_TYPE,
        NAME_CONTRACT_TYPE,
        NAME_FAMILY_STATUS,
        WEEKDAY_APPR_PROCESS_START,
        FLAG_OWN_CAR,
        FLAG_OWN_REALTY,
        REG_REGION_NOT_LIVE_REGION,
        REG_REGION_NOT_WORK_REGION,
        LIVE_REGION_NOT_WORK_REGION,
        REG_CITY_NOT_LIVE_CITY,
        REG_CITY_NOT_WORK_CITY,
        LIVE_CITY_NOT_WORK_CITY,
        OBS_30_CNT_SOCIAL_CIRCLE,
        OBS_60_CNT_SOCIAL_CIRCLE,
        DEF_30_CNT_SOCIAL_CIRCLE,
        DEF_60_CNT_SOCIAL_CIRCLE,
        AMT_REQ_CREDIT_BUREAU_HOUR,
        AMT_REQ_CREDIT_BUREAU_DAY,
        AMT_REQ_CREDIT_BUREAU_WEEK,
        AMT_REQ_CREDIT_BUREAU_MON,
        AMT_REQ_CREDIT_BUREAU_QRT,
        AMT_REQ_CREDIT_BUREAU_YEAR,
        FLAG_MOBIL,
        FLAG_EMP_PHONE,
        FLAG_WORK_PHONE,
        FLAG_CONT_MOBILE,
        FLAG_PHONE,
        FLAG_EMAIL,
        FLAG_DOCUMENT_2,
        FLAG_DOCUMENT_3,
        FLAG_DOCUMENT_4,
        FLAG_DOCUMENT_5,
        FLAG_DOCUMENT_6,
        FLAG_DOCUMENT_7,
        FLAG_DOCUMENT_8,
        FLAG_DOCUMENT_9,
        FLAG_DOCUMENT_10,
        FLAG_DOCUMENT_11,
        FLAG_DOCUMENT_12,
        FLAG_DOCUMENT_13,
        FLAG_DOCUMENT_14,
        FLAG_DOCUMENT_15,
        FLAG_DOCUMENT_16,
        FLAG_DOCUMENT_17,
        FLAG_DOCUMENT_18,
        FLAG_DOCUMENT_19,
        FLAG_DOCUMENT_20,
        FLAG_DOCUMENT_21,
        -days_birth / (365 + 1e-6) as AGE_YEARS,
        coalesce(days_employed = 365243, false)::bigint as DAYS_EMPLOYED_ANOMALY,
        -days_in_job / (365 + 1e-6) as EMPLOYED_YEARS,
        -days_in_job / (-days_birth + 1e-6) as EMPLOYMENT_YEARS_TO_AGE,
        amt_annuity / (amt_credit + 1e-6) as PAYMENT_RATE,
        amt_credit / (amt_income_total + 1e-6) as CREDIT_TO_INCOME,
        amt_annuity / (amt_income_total + 1e-6) as ANNUITY_TO_INCOME,
        amt_goods_price / (amt_credit + 1e-6) as GOODS_TO_CREDIT,
        amt_income_total / (cnt_fam_members + 1e-6) as INCOME_PER_PERSON,
        cnt_children / (cnt_fam_members + 1e-6) as CHILDREN_RATIO,
        (ext_source_1 is null)::bigint as EXT_SOURCE_1_IS_MISSING,
        (ext_source_2 is null)::bigint as EXT_SOURCE_2_IS_MISSING,
        (ext_source_3 is null)::bigint as EXT_SOURCE_3_IS_MISSING,
        (own_car_age is null)::bigint as OWN_CAR_AGE_IS_MISSING,
        coalesce(flag_document_2, 0)
        + coalesce(flag_document_3, 0)
        + coalesce(flag_document_4, 0)
        + coalesce(flag_document_5, 0)
        + coalesce(flag_document_6, 0)
        + coalesce(flag_document_7, 0)
        + coalesce(flag_document_8, 0)
        + coalesce(flag_document_9, 0)
        + coalesce(flag_document_10, 0)
        + coalesce(flag_document_11, 0)
        + coalesce(flag_document_12, 0)
        + coalesce(flag_document_13, 0)
        + coalesce(flag_document_14, 0)
        + coalesce(flag_document_15, 0)
        + coalesce(flag_document_16, 0)
        + coalesce(flag_document_17, 0)
        + coalesce(flag_document_18, 0)
        + coalesce(flag_document_19, 0)
        + coalesce(flag_document_20, 0)
        + coalesce(flag_document_21, 0) as DOC_COUNT,
        coalesce(flag_mobil, 0)
        + coalesce(flag_emp_phone, 0)
        + coalesce(flag_work_phone, 0)
        + coalesce(flag_cont_mobile, 0)
        + coalesce(flag_phone, 0)
        + coalesce(flag_email, 0) as CONTACT_COUNT,
        coalesce(reg_region_not_live_region, 0)
        + coalesce(reg_region_not_work_region, 0)
        + coalesce(live_region_not_work_region, 0)
        + coalesce(reg_city_not_live_city, 0)
        + coalesce(reg_city_not_work_city, 0)
        + coalesce(live_city_not_work_city, 0) as ADDR_MISMATCH_SUM

    from applications

)

select * from application_features
