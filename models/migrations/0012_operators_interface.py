from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0011_live_settings')]

    initial = False

    operations = [
        ops.CreateModel(
            name='EventCount',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('hour', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('type', fields.CharField(max_length=32)),
                ('count', fields.BigIntField()),
            ],
            options={'table': 'event_counts', 'app': 'models', 'unique_together': (('hour', 'type'),), 'pk_attr': 'id', 'table_description': 'Security events by hour and type'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Figures',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('last_event', fields.BigIntField(default=0)),
                ('due_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('counted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('users', fields.JSONField(default=dict, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
            ],
            options={'table': 'figures', 'app': 'models', 'pk_attr': 'id', 'table_description': 'What was counted last'},
            bases=['Model'],
        ),
        ops.AddIndex(
            model_name='SecurityEvent',
            index=Index(fields=['type', 'id']),
        ),
        ops.AddIndex(
            model_name='SecurityEvent',
            index=Index(fields=['address', 'id']),
        ),
        ops.AddIndex(
            model_name='User',
            index=Index(fields=['created_at', 'id']),
        ),
    ]
