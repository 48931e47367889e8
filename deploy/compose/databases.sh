#!/usr/bin/env bash
# Run by PostgreSQL's image when its folder is empty: a role and a database for the ledger and for MLflow.
set -euo pipefail
for role in creditrisk mlflow; do
    case $role in creditrisk) password=$LEDGER_PASSWORD ;; mlflow) password=$MLFLOW_PASSWORD ;; esac
    psql --set ON_ERROR_STOP=1 --username postgres --set role="$role" --set password="$password" <<'SQL'
create role :"role" login password :'password';
create database :"role" owner :"role";
SQL
done
