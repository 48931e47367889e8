"""What Alembic runs: the pending revisions, inside the transaction that `schema` has begun."""

from alembic import context

from creditrisk.ledger.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # SQLite too: our connections begin by themselves
)
context.run_migrations()
