from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0008_passkeys')]

    initial = False

    operations = [
        ops.AddField(
            model_name='SecurityEvent',
            name='operator_id',
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name='SecurityEvent',
            name='reason',
            field=fields.CharField(null=True, max_length=255),
        ),
    ]
