"""What became of the applicants decided on, and the loads that said so."""

import sqlalchemy as sa
from alembic import op

from creditrisk.ledger.migrations.triggers import refuse_changes

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make its two tables, which refuse changes."""
    op.create_table(
        "outcome_loads",
        sa.Column("load_id", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "outcomes",
        # Rows are hashed in the order of their ids, which must not depend on a server's language.
        sa.Column(
            "decision_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            primary_key=True,
        ),
        sa.Column("load_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("target", sa.SmallInteger, nullable=False),
        sa.Column("matured_on", sa.Text, nullable=False),
        sa.Column("decided_at", sa.Text, nullable=False),
        sa.Column("bundle_sha256", sa.Text, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("grade", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    refuse_changes("outcome_loads", "outcomes")
