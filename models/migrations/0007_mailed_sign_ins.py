from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

# Tortoise would copy the table, and lose its trigger and its index, and by cascade what belongs to users.
SQLITE = (
    "ALTER TABLE users ADD COLUMN password_hash_or_null VARCHAR(255)",
    "UPDATE users SET password_hash_or_null = password_hash",
    "ALTER TABLE users DROP COLUMN password_hash",
    "ALTER TABLE users RENAME COLUMN password_hash_or_null TO password_hash",
)


class MakeOptional(ops.AlterField):
    """Drop the NOT NULL of `users.password_hash`, in place."""

    async def database_forward(self, app_label, old_state, new_state, state_editor=None):
        if state_editor is None or state_editor.client.capabilities.dialect != "sqlite":
            await super().database_forward(app_label, old_state, new_state, state_editor)
            return
        for statement in SQLITE:
            await state_editor.client.execute_query(statement)

    async def database_backward(self, app_label, old_state, new_state, state_editor=None):
        """Leave it: an older server stores a hash for every user."""


class Migration(migrations.Migration):
    dependencies = [('models', '0006_mail')]

    initial = False

    operations = [
        MakeOptional(
            model_name='User',
            name='password_hash',
            field=fields.CharField(null=True, max_length=255),
        ),
        ops.AddField(
            model_name='User',
            name='new_email',
            field=fields.CharField(null=True, max_length=320),
        ),
        ops.AddField(
            model_name='MailTicket',
            name='keeps_address',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddIndex(
            model_name='MailTicket',
            index=Index(fields=['address'], name='mail_tickets_address'),
        ),
    ]
