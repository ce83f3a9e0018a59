"""Mails: the outbox that they are written to, their templates, and how they are delivered."""
