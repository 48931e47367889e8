"""The ledger of promotions, as it was before there were migrations."""

import sqlalchemy as sa
from alembic import op

from creditrisk.ledger.migrations.triggers import refuse_changes

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make its two tables, which refuse changes."""
    op.create_table("ledger_identity", sa.Column("ledger_id", sa.Text, primary_key=True))
    op.create_table(
        "ledger_entries",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Text, nullable=False),
        sa.Column("batch_end", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("previous_sha256", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
    )
    op.create_index("ledger_entries_by_kind", "ledger_entries", ["kind", "sequence"])
    refuse_changes("ledger_identity", "ledger_entries")
