import pytest

from config import ConfigError, load
from config.database_url import parse_database_url

PG = "postgres://joe:hunter2@db.test/auth"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://joe:hunter2@db.test", "names no database"),
        ("postgres://joe:hunter2@db.test/", "names no database"),
        ("postgres://joe:hunter2@db.test?sslmode=require", "names no database"),
        ("postgres://joe:hunt#er2@db.test/auth", "%23"),
        ("postgres://joe:hunt@er2@db.test/auth", "%40"),
        ("postgres://joe:hunt:er2@db.test/auth", "%3A"),
        ("postgres://joe:hunt/er2@db.test/auth", "%2F"),
        ("postgres://joe:hunter2@::1/auth", "in brackets"),
        ("postgres://joe:hunt\u2100er2@db.test/auth", "percent-encoded"),
        ("postgres://joe:hunt[er2@db.test/auth", "percent-encoded"),
        ("postgres://joe:hunter2@a:1,b:x/auth", "host:port"),
        ("postgres://joe:hunter2@db.test:70000/auth", "port number"),
        (f"{PG}?port=x", "port number"),
        (f"{PG}?sslmode=yes", "sslmode: expected one of"),
        (f"{PG}?channel_binding=require", "'channel_binding': the driver has none"),
        (f"{PG}?keepalives=1", "'keepalives'"),
        (f"{PG}?hostaddr=127.0.0.1", "'hostaddr'"),
        (f"{PG}?sslmod=require", "'sslmod'"),
        (f"{PG}?sslmode=require&sslmode=disable", "twice"),
        (f"{PG}?dbname=other", "dbname stands in it twice"),
        (f"{PG}?host=other", "host stands in it twice"),
        (f"{PG}?sslmode", "name=value"),
        (f"{PG}?target_session_attrs=standby", "target_session_attrs"),
        (f"{PG}?connect_timeout=soon", "connect_timeout: expected a whole number"),
        ("sqlite://", "the path of a file"),
        ("sqlite://:memory:", "in memory"),
        ("sqlite:///data/auth.db?foreign_keys=OFF", "'foreign_keys'"),
        ("sqlite:///data/auth.db?synchronous=OFF", "synchronous: expected one of"),
        ("sqlite:///data/auth.db?busy_timeout=-1", "busy_timeout: expected a whole number"),
        ("sqlite:///data/auth.db?mode=ro", "'mode'"),
    ],
)
def test_an_ambiguous_url_is_refused_in_one_line(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({"DATABASE_URL": url})
    line = str(refused.value)
    assert line.startswith("DATABASE_URL: ")
    assert said in line
    assert "\n" not in line
    assert "hunt" not in line


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (PG, "auth on db.test:5432"),
        ("postgres://joe:a%40b%2Fc@db.test:5433/my%20auth", "my auth on db.test:5433"),
        ("postgres://joe@[::1]/auth", "auth on [::1]:5432"),
        ("postgres://joe@[::1]:5433/auth", "auth on [::1]:5433"),
        ("postgres://joe@a:5433,b:5434/auth", "auth on a:5433,b:5434"),
        ("postgres:///auth?host=/run/postgresql", "auth on /run/postgresql"),
        ("postgres://%2Frun%2Fpostgresql/auth", "auth on /run/postgresql"),
        ("postgres://db.test/?dbname=auth&port=6432", "auth on db.test:6432"),
        ("postgres:///?service=auth", "the one on a service"),
    ],
)
def test_a_url_of_libpq_is_understood_and_shown_without_its_password(url: str, shown: str) -> None:
    address = parse_database_url(url)
    assert address.shown == shown
    assert "hunter2" not in repr(address)


def test_the_path_of_a_file_may_be_percent_encoded() -> None:
    assert parse_database_url("sqlite:///my%20data/100%25%3F.db").sqlite == "/my data/100%?.db"
