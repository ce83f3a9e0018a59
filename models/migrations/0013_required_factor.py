from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0012_operators_interface')]

    initial = False

    operations = [
        ops.AddField(
            model_name='User',
            name='factor_due_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='User',
            name='totp_begun_by',
            field=fields.CharField(null=True, max_length=64),
        ),
    ]
