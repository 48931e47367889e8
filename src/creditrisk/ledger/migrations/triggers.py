"""Triggers against mistakes: whoever may change the tables may drop them, and then `verify` tells."""

from __future__ import annotations

from alembic import op

SQLITE = "sqlite"
_REFUSING_FUNCTION = """
create or replace function ledger_refuses_change() returns trigger language plpgsql as
'begin raise exception ''the ledger is append-only''; end'
"""
_KEEPING_FUNCTION = """
create or replace function ledger_keeps_content() returns trigger language plpgsql as
'begin
    if exists (
        select 1 from decision_retentions
        where old.sequence between first_sequence and last_sequence
    ) then
        return old;
    end if;
    raise exception ''the ledger keeps contents until their retention is recorded'';
end'
"""


def refuse_changes(*tables: str) -> None:
    """Let tables take rows and nothing else."""
    if op.get_bind().dialect.name == SQLITE:
        for table in tables:
            _refuse_in_sqlite(table, "update")
            _refuse_in_sqlite(table, "delete")
        return
    op.execute(_REFUSING_FUNCTION)
    for table in tables:
        op.execute(
            f"create trigger {table}_refuses_change before update or delete or truncate "
            f"on {table} for each statement execute function ledger_refuses_change()"
        )


def keep_contents() -> None:
    """Let `decision_contents` lose only rows whose retention has been recorded."""
    if op.get_bind().dialect.name == SQLITE:
        _refuse_in_sqlite("decision_contents", "update")
        op.execute(
            """
            create trigger decision_contents_keeps_content before delete on decision_contents
            when not exists (
                select 1 from decision_retentions
                where old.sequence between first_sequence and last_sequence
            )
            begin
                select raise(abort, 'the ledger keeps contents until their retention is recorded');
            end
            """
        )
        return
    op.execute(_KEEPING_FUNCTION)
    op.execute(
        "create trigger decision_contents_refuses_change before update or truncate "
        "on decision_contents for each statement execute function ledger_refuses_change()"
    )
    op.execute(
        "create trigger decision_contents_keeps_content before delete "
        "on decision_contents for each row execute function ledger_keeps_content()"
    )


def _refuse_in_sqlite(table: str, change: str) -> None:
    op.execute(
        f"""
        create trigger {table}_refuses_{change} before {change} on {table}
        begin
            select raise(abort, 'the ledger is append-only');
        end
        """
    )
