"""Every hand-written SQL statement, behind functions with typed arguments.

Statements lock a user's row first, then what belongs to the user, so they cannot deadlock.
"""
