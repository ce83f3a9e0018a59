from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

OPERATORS = {
    "postgres": """CREATE INDEX users_operators ON users (id) WHERE roles @> '["admin"]'""",
    "sqlite": """CREATE INDEX users_operators ON users (id) WHERE roles LIKE '%"admin"%'""",
}
"""As `models.hot_paths.operators` asks for them."""


async def index_operators(_apps, editor):
    """An index of the few operators."""
    client = editor.client
    await client.execute_script(OPERATORS[client.capabilities.dialect])


async def drop_index(_apps, editor):
    await editor.client.execute_script("DROP INDEX users_operators")


class Migration(migrations.Migration):
    dependencies = [('models', '0010_asked_at')]

    initial = False

    operations = [
        ops.CreateModel(
            name='SettingChange',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('version', fields.BigIntField()),
                ('name', fields.CharField(db_index=True, max_length=64)),
                ('value', fields.TextField(null=True, unique=False)),
                ('previous', fields.TextField(null=True, unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('operator_id', fields.UUIDField(null=True)),
                ('operator_name', fields.CharField(default='', max_length=320)),
                ('reason', fields.CharField(null=True, max_length=255)),
            ],
            options={'table': 'setting_changes', 'app': 'models', 'pk_attr': 'id', 'table_description': 'Settings that operators have changed'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SettingsVersion',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('version', fields.BigIntField(default=0)),
            ],
            options={'table': 'settings_version', 'app': 'models', 'pk_attr': 'id', 'table_description': 'How often the settings were changed'},
            bases=['Model'],
        ),
        ops.RunPython(index_operators, drop_index),
    ]
