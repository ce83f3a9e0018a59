"""Users of another server: how they are read and what becomes of their password hashes."""
