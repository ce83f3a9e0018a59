from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

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
    ]
