#!/bin/sh
# Makes the roles and databases at the first start of an empty PostgreSQL: each
# role owns its databases and reaches no other's.
#
#   DATABASES        database=role, separated by spaces
#   PASSWORD_<role>  that role's password
#
# Run again, it changes nothing that is there but the passwords.
set -eu

for pair in $DATABASES; do
  database=${pair%%=*} role=${pair#*=}
  eval "password=\$PASSWORD_$role"
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set database="$database" --set role="$role" --set password="$password" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
  echo "database $database of $role is there"
done
