from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from tortoise.fields.base import OnDelete
from uuid import uuid4
from tortoise import fields

NOTED = "a user with a passkey has has_second_factor"
POSTGRES = """
    ALTER TABLE users ADD CONSTRAINT passkeys_are_noted
    CHECK (NOT has_passkeys OR has_second_factor)"""
SQLITE = f"""
    CREATE TRIGGER passkeys_are_noted BEFORE UPDATE ON users
    WHEN NEW.has_passkeys AND NOT NEW.has_second_factor
    BEGIN SELECT RAISE(ABORT, '{NOTED}'); END"""


async def note_passkeys(_apps, editor):
    """A server of the version before, which does not know the column, must not turn the factor off."""
    is_sqlite = editor.client.capabilities.dialect == "sqlite"
    await editor.client.execute_script(SQLITE if is_sqlite else POSTGRES)


async def forget_it(_apps, editor):
    is_sqlite = editor.client.capabilities.dialect == "sqlite"
    drop = "DROP TRIGGER passkeys_are_noted" if is_sqlite else "ALTER TABLE users DROP CONSTRAINT passkeys_are_noted"
    await editor.client.execute_script(drop)


class Migration(migrations.Migration):
    dependencies = [('models', '0007_mailed_sign_ins')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Passkey',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_index=True, db_constraint=True, to_field='id', related_name='passkeys', on_delete=OnDelete.CASCADE)),
                ('credential_id', fields.CharField(unique=True, max_length=1364)),
                ('public_key', fields.BinaryField()),
                ('sign_count', fields.BigIntField(default=0)),
                ('transports', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('backup_eligible', fields.BooleanField(null=True)),
                ('backed_up', fields.BooleanField(default=False)),
                ('verifies_user', fields.BooleanField(default=False)),
                ('nickname', fields.CharField(max_length=100)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'passkeys', 'app': 'models', 'pk_attr': 'id', 'table_description': "Public keys of users' authenticators"},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PasskeyChallenge',
            fields=[
                ('digest', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('purpose', fields.CharField(max_length=32)),
                ('bound_to', fields.CharField(max_length=64)),
                ('account', fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'passkey_challenges', 'app': 'models', 'pk_attr': 'digest', 'table_description': 'WebAuthn ceremonies that have begun'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='User',
            name='has_passkeys',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name='User',
            name='user_handle',
            field=fields.CharField(null=True, max_length=86),
        ),
        ops.RunPython(note_passkeys, forget_it),
    ]
