"""Every hand-written SQL statement, behind functions with typed arguments.

To avoid deadlocks, every statement locks the user's row first, then rows that belong to the user.
"""
