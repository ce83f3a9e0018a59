"""Importing users of another server, with their password hashes."""
