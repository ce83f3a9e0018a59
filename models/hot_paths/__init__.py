"""Every hand-written SQL statement, behind functions with typed arguments.

The parts of statements that prove something are in `models.proofs`.

To avoid deadlocks, every statement locks the user's row first, then rows that belong to the user.
"""
