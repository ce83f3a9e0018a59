from tortoise import migrations
from tortoise.migrations import operations as ops


async def leave_room(_apps, editor):
    """PostgreSQL: leave room in new pages of `users` for the next version of each row.

    Every sign-in changes its user's row. A version that does not fit into the page of the one before
    takes an entry in each of the table's indexes (bench/README.md has figures).
    """
    if editor.client.capabilities.dialect == "postgres":
        await editor.client.execute_script("ALTER TABLE users SET (fillfactor = 75)")


async def fill_pages(_apps, editor):
    if editor.client.capabilities.dialect == "postgres":
        await editor.client.execute_script("ALTER TABLE users RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [('models', '0016_find_users')]

    initial = False

    operations = [ops.RunPython(leave_room, fill_pages)]
