from tortoise import migrations
from tortoise.migrations import operations as ops

COVERING = """
    CREATE INDEX users_found ON users (created_at, id, email, display_name, roles, disabled,
        email_verified, has_second_factor)
"""
"""SQLite: all that operators look for, so that a search reads no rows but those it finds."""
TRIGRAMS = """
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX users_found ON users USING gin (
        email gin_trgm_ops, lower(display_name) gin_trgm_ops, CAST(id AS TEXT) gin_trgm_ops
    ) WITH (gin_pending_list_limit = 256);  -- KiB: by default, searches read up to 4 MiB one by one
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'searches of users will read all of them: %', SQLERRM;
END $$
"""
"""PostgreSQL: parts of texts, where the extension is installed, and this role may create it."""


async def index_users(_apps, editor):
    """What makes the searches of `models.hot_paths.directory` quick."""
    client = editor.client
    is_sqlite = client.capabilities.dialect == "sqlite"
    await client.execute_script(COVERING if is_sqlite else TRIGRAMS)


async def drop_index(_apps, editor):
    await editor.client.execute_script("DROP INDEX IF EXISTS users_found")


class Migration(migrations.Migration):
    dependencies = [('models', '0015_event_detail')]

    initial = False

    operations = [ops.RunPython(index_users, drop_index)]
