"""The ledger of decisions: its chain, the contents beside it, and which of them were retired."""

import sqlalchemy as sa
from alembic import op

from creditrisk.ledger.migrations.triggers import keep_contents, refuse_changes

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make its four tables, of which one loses rows, by retention."""
    op.create_table("decision_identity", sa.Column("ledger_id", sa.Text, primary_key=True))
    op.create_table(
        "decisions",
        _sequence(),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Text, nullable=False),
        sa.Column("batch_end", sa.BigInteger, nullable=False),
        sa.Column("content_sha256", sa.Text, nullable=False),
        sa.Column("previous_sha256", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
    )
    op.create_index("decisions_by_decision_id", "decisions", ["decision_id"], unique=True)
    op.create_index("decisions_by_time", "decisions", ["recorded_at"])
    op.create_table(
        "decision_contents",
        _sequence(),
        sa.Column("encoding", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decision_retentions",
        _sequence(),
        sa.Column("first_sequence", sa.BigInteger, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
    )
    refuse_changes("decision_identity", "decisions", "decision_retentions")
    keep_contents()


def _sequence() -> sa.Column[int]:
    return sa.Column(
        "sequence",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    )
