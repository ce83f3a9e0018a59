from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0003_user_metadata')]

    initial = False

    operations = [
        ops.AddField(
            model_name='RefreshToken',
            name='revoked_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Throttle',
            name='announced_at',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='Throttle',
            name='refused',
            field=fields.BigIntField(default=0, db_default=0),
        ),
    ]
