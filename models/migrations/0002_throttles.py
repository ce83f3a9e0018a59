from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Throttle',
            fields=[
                ('key', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('failures', fields.BigIntField()),
                ('failed_at', fields.BigIntField(db_index=True)),
                ('allowed_at', fields.BigIntField()),
            ],
            options={'table': 'throttles', 'app': 'models', 'pk_attr': 'key', 'table_description': 'How often an account was tried in vain'},
            bases=['Model'],
        ),
        ops.AddIndex(
            model_name='SecurityEvent',
            index=Index(fields=['user_id', 'type', 'id']),
        ),
    ]
