"""The REST routes of Nhost Auth."""
