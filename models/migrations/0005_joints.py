from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

NOTED = "a user with an active factor has has_second_factor"
POSTGRES = """
    ALTER TABLE users ADD CONSTRAINT factor_is_noted
    CHECK (totp_activated_at IS NULL OR has_second_factor)"""
SQLITE = f"""
    CREATE TRIGGER factor_is_noted BEFORE UPDATE ON users
    WHEN NEW.totp_activated_at IS NOT NULL AND NOT NEW.has_second_factor
    BEGIN SELECT RAISE(ABORT, '{NOTED}'); END"""


async def note_factors(_apps, editor):
    """A server of the version before, which does not know the column, must not turn a factor on."""
    is_sqlite = editor.client.capabilities.dialect == "sqlite"
    await editor.client.execute_script(SQLITE if is_sqlite else POSTGRES)


async def forget_it(_apps, editor):
    is_sqlite = editor.client.capabilities.dialect == "sqlite"
    drop = "DROP TRIGGER factor_is_noted" if is_sqlite else "ALTER TABLE users DROP CONSTRAINT factor_is_noted"
    await editor.client.execute_script(drop)


class Migration(migrations.Migration):
    dependencies = [('models', '0004_waits_and_revoked_tokens')]

    initial = False

    operations = [
        ops.AddField(
            model_name='MfaTicket',
            name='methods',
            field=fields.CharField(default='pwd', db_default='pwd', max_length=255),
        ),
        ops.AddField(
            model_name='MfaTicket',
            name='purpose',
            field=fields.CharField(default='sign-in', db_default='sign-in', max_length=32),
        ),
        ops.AddField(
            model_name='User',
            name='has_second_factor',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.RunSQL(
            "UPDATE users SET has_second_factor = TRUE WHERE totp_activated_at IS NOT NULL",
            "UPDATE users SET has_second_factor = FALSE",
        ),
        ops.RunPython(note_factors, forget_it),
    ]
