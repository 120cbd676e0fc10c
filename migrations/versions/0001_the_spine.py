"""The spine: people, records, policy versions, audit, documents, and the triggers that guard them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


WORKFLOWS = ("application", "study", "certification", "session", "claim", "payment")


def _guard(workflow: str, moment: str, source: str) -> str:
    """Return SQLite's trigger that refuses a step which the record's policy version does not allow."""
    return f"""
        CREATE TRIGGER {workflow}_{moment.split()[0].lower()}_edge BEFORE {moment} ON {workflow}
        WHEN NOT EXISTS (
            SELECT 1 FROM allowed_edge WHERE policy_version_id = NEW.policy_version_id
            AND workflow = '{workflow}' AND from_state = {source} AND to_state = NEW.state)
        {"" if moment == "INSERT" else "AND NEW.state <> OLD.state"}
        BEGIN SELECT RAISE(ABORT, 'edge_not_allowed'); END"""


def _sqlite_triggers() -> list[str]:
    edges = [
        statement
        for workflow in WORKFLOWS
        for statement in (
            _guard(workflow, "INSERT", "''"),
            _guard(workflow, "UPDATE OF state", "OLD.state"),
        )
    ]
    return edges + [
        f"""CREATE TRIGGER audit_entry_no_{verb.lower()} BEFORE {verb} ON audit_entry
            BEGIN SELECT RAISE(ABORT, 'audit_is_append_only'); END"""
        for verb in ("UPDATE", "DELETE")
    ]


POSTGRESQL_FUNCTIONS = (
    """CREATE FUNCTION edge_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF NEW.state = OLD.state THEN RETURN NEW; END IF;
        END IF;
        IF NOT EXISTS (
            SELECT 1 FROM allowed_edge WHERE policy_version_id = NEW.policy_version_id
            AND workflow = TG_TABLE_NAME AND to_state = NEW.state
            AND from_state = CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.state END)
        THEN RAISE EXCEPTION 'edge_not_allowed' USING ERRCODE = '23514'; END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'audit_is_append_only'; END $$""",
)


def _postgresql_triggers() -> list[str]:
    edges = [
        f"""CREATE TRIGGER {workflow}_edge BEFORE INSERT OR UPDATE OF state ON {workflow}
            FOR EACH ROW EXECUTE FUNCTION edge_is_allowed()"""
        for workflow in WORKFLOWS
    ]
    append_only = [
        f"""CREATE TRIGGER audit_entry_no_{name} BEFORE {verbs} ON audit_entry
            FOR EACH {each} EXECUTE FUNCTION audit_is_append_only()"""
        for name, verbs, each in (
            ("change", "UPDATE OR DELETE", "ROW"),
            ("truncate", "TRUNCATE", "STATEMENT"),
        )
    ]
    return [*POSTGRESQL_FUNCTIONS, *edges, *append_only]


def _triggers() -> list[str]:
    sqlite = op.get_bind().dialect.name == "sqlite"
    return _sqlite_triggers() if sqlite else _postgresql_triggers()


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("roles", sa.String(length=255), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("person_key", sa.String(length=64), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_token_hash")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("workflow", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("from_state", sa.String(length=64), nullable=False),
        sa.Column("to_state", sa.String(length=64), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entry")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entry_record", ["workflow", "reference", "number"], unique=False)

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "counter",
        sa.Column("series", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_counter")),
    )
    op.create_table(
        "idempotency",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("workflow", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("cause", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("done_at", sa.String(length=27), nullable=True),
        sa.Column("refusal", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_open",
            ["created_at"],
            unique=False,
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )
        batch_op.create_index(
            "ix_outbox_reference",
            ["reference"],
            unique=False,
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )

    op.create_table(
        "paper",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("workflow", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("store_key", sa.String(length=255), nullable=False),
        sa.Column("uploaded_at", sa.String(length=27), nullable=False),
        sa.Column("uploaded_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
    )
    with op.batch_alter_table("paper", schema=None) as batch_op:
        batch_op.create_index("ix_paper_record", ["workflow", "record_id"], unique=False)

    op.create_table(
        "person",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("name_keys", sa.String(length=255), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=False),
        sa.Column("id_index", sa.String(length=64), nullable=False),
        sa.Column("sex", sa.String(length=6), nullable=False),
        sa.Column("birth_on", sa.Date(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("id_index", name=op.f("uq_person_id_index")),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_person_name_keys"), ["name_keys"], unique=False)
        batch_op.create_index(batch_op.f("ix_person_phone_index"), ["phone_index"], unique=False)

    op.create_table(
        "policy_version",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("holds_from", sa.Date(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("published_at", sa.String(length=27), nullable=False),
        sa.Column("published_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
        sa.UniqueConstraint("number", name=op.f("uq_policy_version_number")),
    )
    op.create_table(
        "private_input",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_private_input")),
    )
    op.create_table(
        "quota",
        sa.Column("year", sa.String(length=4), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("reserved + used <= places", name=op.f("ck_quota_within_places")),
        sa.CheckConstraint("reserved >= 0 AND used >= 0", name=op.f("ck_quota_not_negative")),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_quota")),
    )
    op.create_table(
        "quota_share",
        sa.Column("year", sa.String(length=4), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", "county", name=op.f("pk_quota_share")),
    )
    op.create_table(
        "allowed_edge",
        sa.Column("policy_version_id", sa.String(length=32), nullable=False),
        sa.Column("workflow", sa.String(length=64), nullable=False),
        sa.Column("from_state", sa.String(length=64), nullable=False),
        sa.Column("to_state", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_version.id"], name=op.f("fk_allowed_edge_policy_version_id")
        ),
        sa.PrimaryKeyConstraint(
            "policy_version_id", "workflow", "from_state", "to_state", name=op.f("pk_allowed_edge")
        ),
    )
    op.create_table(
        "application",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("name_keys", sa.String(length=255), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=True),
        sa.Column("id_index", sa.String(length=64), nullable=True),
        sa.Column("sex", sa.String(length=64), nullable=True),
        sa.Column("birth_on", sa.Date(), nullable=True),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.String(length=64), nullable=True),
        sa.Column("point", sa.String(length=64), nullable=True),
        sa.Column("intake", sa.String(length=4), nullable=False),
        sa.Column("level", sa.String(length=64), nullable=True),
        sa.Column("major", sa.String(length=32), nullable=True),
        sa.Column("previous_school", sa.String(length=100), nullable=True),
        sa.Column("previous_diploma", sa.String(length=64), nullable=True),
        sa.Column("employer", sa.String(length=100), nullable=True),
        sa.Column("job", sa.String(length=50), nullable=True),
        sa.Column("union_member", sa.Boolean(), nullable=True),
        sa.Column("occupation", sa.String(length=32), nullable=True),
        sa.Column("person_id", sa.String(length=32), nullable=True),
        sa.Column("query_code", sa.LargeBinary(), nullable=True),
        sa.Column("query_index", sa.String(length=64), nullable=True),
        sa.Column("registered_on", sa.Date(), nullable=True),
        sa.Column("queue_number", sa.Integer(), nullable=True),
        sa.Column("answer_until", sa.Date(), nullable=True),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("creator_key", sa.String(length=64), nullable=True),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("policy_version_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_application_person_id")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_version.id"], name=op.f("fk_application_policy_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("query_index", name=op.f("uq_application_query_index")),
        sa.UniqueConstraint("reference", name=op.f("uq_application_reference")),
    )
    with op.batch_alter_table("application", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_application_county"), ["county"], unique=False)
        batch_op.create_index(batch_op.f("ix_application_id_index"), ["id_index"], unique=False)
        batch_op.create_index(batch_op.f("ix_application_intake"), ["intake"], unique=False)
        batch_op.create_index(batch_op.f("ix_application_name_keys"), ["name_keys"], unique=False)
        batch_op.create_index(batch_op.f("ix_application_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_application_phone_index"), ["phone_index"], unique=False)
        batch_op.create_index(batch_op.f("ix_application_queue_number"), ["queue_number"], unique=False)

    op.create_table(
        "document",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("workflow", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=True),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("context", sa.LargeBinary(), nullable=False),
        sa.Column("template_version", sa.String(length=64), nullable=True),
        sa.Column("renderer", sa.String(length=255), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("store_key", sa.String(length=255), nullable=True),
        sa.Column("problem", sa.String(length=2000), nullable=True),
        sa.Column("rendered_at", sa.String(length=27), nullable=True),
        sa.Column("voided_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_document_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("code", name=op.f("uq_document_code")),
        sa.UniqueConstraint("number", name=op.f("uq_document_number")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index("ix_document_record", ["workflow", "record_id"], unique=False)

    op.create_table(
        "payment",
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("released_by", sa.String(length=64), nullable=True),
        sa.Column("releaser_key", sa.String(length=64), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("creator_key", sa.String(length=64), nullable=True),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("policy_version_id", sa.String(length=32), nullable=False),
        sa.CheckConstraint("releaser_key <> creator_key", name=op.f("ck_payment_two_persons")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_version.id"], name=op.f("fk_payment_policy_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_reference")),
    )
    with op.batch_alter_table("payment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_county"), ["county"], unique=False)

    op.create_table(
        "person_alias",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=False),
        sa.Column("id_index", sa.String(length=64), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_alias_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_alias")),
        sa.UniqueConstraint("id_index", name=op.f("uq_person_alias_id_index")),
    )
    with op.batch_alter_table("person_alias", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_alias_person_id"), ["person_id"], unique=False)

    op.create_table(
        "session",
        sa.Column("occupation", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=64), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("starts", sa.String(length=5), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("rooms", sa.JSON(), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("creator_key", sa.String(length=64), nullable=True),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("policy_version_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_version.id"], name=op.f("fk_session_policy_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("reference", name=op.f("uq_session_reference")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_county"), ["county"], unique=False)

    op.create_table(
        "live_case",
        sa.Column("id_index", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=64), nullable=False),
        sa.Column("application_id", sa.String(length=32), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name=op.f("fk_live_case_application_id")),
        sa.PrimaryKeyConstraint("id_index", "level", name=op.f("pk_live_case")),
        sa.UniqueConstraint("application_id", name=op.f("uq_live_case_application_id")),
    )
    op.create_table(
        "study",
        sa.Column("application_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("intake", sa.String(length=4), nullable=False),
        sa.Column("level", sa.String(length=64), nullable=False),
        sa.Column("major", sa.String(length=32), nullable=False),
        sa.Column("student_number", sa.String(length=13), nullable=True),
        sa.Column("confirmed_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("union_county", sa.String(length=6), nullable=True),
        sa.Column("reimbursable", sa.Boolean(), nullable=False),
        sa.Column("major_changed_on", sa.Date(), nullable=True),
        sa.Column("warned_months", sa.Integer(), nullable=True),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.Column("diploma_number", sa.String(length=18), nullable=True),
        sa.Column("diploma_on", sa.Date(), nullable=True),
        sa.Column("double_certificate_on", sa.Date(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("creator_key", sa.String(length=64), nullable=True),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("policy_version_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name=op.f("fk_study_application_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_study_person_id")),
        sa.ForeignKeyConstraint(["policy_version_id"], ["policy_version.id"], name=op.f("fk_study_policy_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("application_id", name=op.f("uq_study_application_id")),
        sa.UniqueConstraint("diploma_number", name=op.f("uq_study_diploma_number")),
        sa.UniqueConstraint("reference", name=op.f("uq_study_reference")),
        sa.UniqueConstraint("student_number", name=op.f("uq_study_student_number")),
    )
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_county"), ["county"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_intake"), ["intake"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_person_id"), ["person_id"], unique=False)

    op.create_table(
        "certification",
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("study_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("occupation", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=True),
        sa.Column("attendance_percent", sa.Integer(), nullable=True),
        sa.Column("session_id", sa.String(length=32), nullable=True),
        sa.Column("room", sa.String(length=64), nullable=True),
        sa.Column("seat", sa.Integer(), nullable=True),
        sa.Column("theory", sa.Integer(), nullable=True),
        sa.Column("theory_on", sa.Date(), nullable=True),
        sa.Column("practical", sa.Integer(), nullable=True),
        sa.Column("practical_on", sa.Date(), nullable=True),
        sa.Column("previous_id", sa.String(length=32), nullable=True),
        sa.Column("ticket_version", sa.Integer(), nullable=False),
        sa.Column("objection_on", sa.Date(), nullable=True),
        sa.Column("objection_closed_on", sa.Date(), nullable=True),
        sa.Column("certificate_number", sa.String(length=22), nullable=True),
        sa.Column("certified_on", sa.Date(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("creator_key", sa.String(length=64), nullable=True),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("policy_version_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_certification_person_id")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_version.id"], name=op.f("fk_certification_policy_version_id")
        ),
        sa.ForeignKeyConstraint(["previous_id"], ["certification.id"], name=op.f("fk_certification_previous_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_certification_session_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_certification_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification")),
        sa.UniqueConstraint("certificate_number", name=op.f("uq_certification_certificate_number")),
        sa.UniqueConstraint(
            "person_id",
            "occupation",
            "level",
            "attempt",
            name=op.f("uq_certification_person_id_occupation_level_attempt"),
        ),
        sa.UniqueConstraint("previous_id", name=op.f("uq_certification_previous_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_certification_reference")),
        sa.UniqueConstraint("session_id", "room", "seat", name=op.f("uq_certification_session_id_room_seat")),
    )
    with op.batch_alter_table("certification", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certification_county"), ["county"], unique=False)
        batch_op.create_index(batch_op.f("ix_certification_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_certification_study_id"), ["study_id"], unique=False)

    op.create_table(
        "claim",
        sa.Column("study_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("account_number", sa.LargeBinary(), nullable=True),
        sa.Column("account_tail", sa.String(length=4), nullable=True),
        sa.Column("account_holder", sa.String(length=64), nullable=True),
        sa.Column("other_money_fen", sa.BigInteger(), nullable=False),
        sa.Column("explanation", sa.String(length=2000), nullable=True),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("counted_fen", sa.BigInteger(), nullable=True),
        sa.Column("payable_fen", sa.BigInteger(), nullable=True),
        sa.Column("submitted_on", sa.Date(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("approved_on", sa.Date(), nullable=True),
        sa.Column("notice_until", sa.Date(), nullable=True),
        sa.Column("objection_on", sa.Date(), nullable=True),
        sa.Column("account_changed_at", sa.String(length=27), nullable=True),
        sa.Column("account_changed_by", sa.String(length=64), nullable=True),
        sa.Column("account_changer_key", sa.String(length=64), nullable=True),
        sa.Column("account_confirmed_at", sa.String(length=27), nullable=True),
        sa.Column("bounce_reason", sa.String(length=64), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("recovery_fen", sa.BigInteger(), nullable=True),
        sa.Column("recovered_fen", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("creator_key", sa.String(length=64), nullable=True),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("policy_version_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_claim_person_id")),
        sa.ForeignKeyConstraint(["policy_version_id"], ["policy_version.id"], name=op.f("fk_claim_policy_version_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_claim_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("reference", name=op.f("uq_claim_reference")),
    )
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_claim_county"), ["county"], unique=False)
        batch_op.create_index(batch_op.f("ix_claim_person_id"), ["person_id"], unique=False)
        batch_op.create_index(
            "uq_claim_live_study",
            ["study_id"],
            unique=True,
            sqlite_where=sa.text("live"),
            postgresql_where=sa.text("live"),
        )

    op.create_table(
        "score",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("study_id", sa.String(length=32), nullable=False),
        sa.Column("course", sa.String(length=32), nullable=False),
        sa.Column("sat_on", sa.Date(), nullable=False),
        sa.Column("formative", sa.Integer(), nullable=True),
        sa.Column("final", sa.Integer(), nullable=True),
        sa.Column("composite", sa.Integer(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_score_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score")),
        sa.UniqueConstraint("study_id", "course", "sat_on", name=op.f("uq_score_study_id_course_sat_on")),
    )
    op.create_table(
        "ban",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("certification_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["certification_id"], ["certification.id"], name=op.f("fk_ban_certification_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_ban_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ban")),
        sa.UniqueConstraint("certification_id", name=op.f("uq_ban_certification_id")),
    )
    with op.batch_alter_table("ban", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ban_person_id"), ["person_id"], unique=False)

    op.create_table(
        "claim_check",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("claim_id", sa.String(length=32), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("checked_by", sa.String(length=64), nullable=False),
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_claim_check_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_check")),
        sa.UniqueConstraint("claim_id", "round", "body", name=op.f("uq_claim_check_claim_id_round_body")),
        sa.UniqueConstraint("claim_id", "round", "person_key", name=op.f("uq_claim_check_claim_id_round_person_key")),
    )
    op.create_table(
        "payment_item",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("payment_id", sa.String(length=32), nullable=False),
        sa.Column("claim_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=24), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=True),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_payment_item_claim_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_payment_item_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_item")),
        sa.UniqueConstraint("number", name=op.f("uq_payment_item_number")),
    )
    with op.batch_alter_table("payment_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_item_payment_id"), ["payment_id"], unique=False)
        batch_op.create_index(
            "uq_payment_item_open_claim",
            ["claim_id"],
            unique=True,
            sqlite_where=sa.text("live"),
            postgresql_where=sa.text("live"),
        )

    op.create_table(
        "receipt",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("claim_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("issuer", sa.String(length=100), nullable=False),
        sa.Column("payer", sa.String(length=100), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_receipt_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
    )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipt_claim_id"), ["claim_id"], unique=False)
        batch_op.create_index(
            "uq_receipt_live_number",
            ["kind", "code", "number"],
            unique=True,
            sqlite_where=sa.text("live"),
            postgresql_where=sa.text("live"),
        )
    for statement in _triggers():
        op.execute(statement)
    op.execute("INSERT INTO audit_head (id, number, hash) VALUES (1, 0, '" + "0" * 64 + "')")


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.drop_index("uq_receipt_live_number", sqlite_where=sa.text("live"), postgresql_where=sa.text("live"))
        batch_op.drop_index(batch_op.f("ix_receipt_claim_id"))

    op.drop_table("receipt")
    with op.batch_alter_table("payment_item", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_payment_item_open_claim", sqlite_where=sa.text("live"), postgresql_where=sa.text("live")
        )
        batch_op.drop_index(batch_op.f("ix_payment_item_payment_id"))

    op.drop_table("payment_item")
    op.drop_table("claim_check")
    with op.batch_alter_table("ban", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ban_person_id"))

    op.drop_table("ban")
    op.drop_table("score")
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.drop_index("uq_claim_live_study", sqlite_where=sa.text("live"), postgresql_where=sa.text("live"))
        batch_op.drop_index(batch_op.f("ix_claim_person_id"))
        batch_op.drop_index(batch_op.f("ix_claim_county"))

    op.drop_table("claim")
    with op.batch_alter_table("certification", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certification_study_id"))
        batch_op.drop_index(batch_op.f("ix_certification_person_id"))
        batch_op.drop_index(batch_op.f("ix_certification_county"))

    op.drop_table("certification")
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_study_person_id"))
        batch_op.drop_index(batch_op.f("ix_study_intake"))
        batch_op.drop_index(batch_op.f("ix_study_county"))

    op.drop_table("study")
    op.drop_table("live_case")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_county"))

    op.drop_table("session")
    with op.batch_alter_table("person_alias", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_alias_person_id"))

    op.drop_table("person_alias")
    with op.batch_alter_table("payment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_county"))

    op.drop_table("payment")
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index("ix_document_record")

    op.drop_table("document")
    with op.batch_alter_table("application", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_application_queue_number"))
        batch_op.drop_index(batch_op.f("ix_application_phone_index"))
        batch_op.drop_index(batch_op.f("ix_application_person_id"))
        batch_op.drop_index(batch_op.f("ix_application_name_keys"))
        batch_op.drop_index(batch_op.f("ix_application_intake"))
        batch_op.drop_index(batch_op.f("ix_application_id_index"))
        batch_op.drop_index(batch_op.f("ix_application_county"))

    op.drop_table("application")
    op.drop_table("allowed_edge")
    op.drop_table("quota_share")
    op.drop_table("quota")
    op.drop_table("private_input")
    op.drop_table("policy_version")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_phone_index"))
        batch_op.drop_index(batch_op.f("ix_person_name_keys"))
        batch_op.drop_index(batch_op.f("ix_person_name"))

    op.drop_table("person")
    with op.batch_alter_table("paper", schema=None) as batch_op:
        batch_op.drop_index("ix_paper_record")

    op.drop_table("paper")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_reference", sqlite_where=sa.text("done_at IS NULL"), postgresql_where=sa.text("done_at IS NULL")
        )
        batch_op.drop_index(
            "ix_outbox_open", sqlite_where=sa.text("done_at IS NULL"), postgresql_where=sa.text("done_at IS NULL")
        )

    op.drop_table("outbox")
    op.drop_table("idempotency")
    op.drop_table("counter")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entry_record")

    op.drop_table("audit_entry")
    op.drop_table("account")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION edge_is_allowed()")
        op.execute("DROP FUNCTION audit_is_append_only()")
