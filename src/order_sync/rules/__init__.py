"""Decisions: pure functions and values. Nothing here touches a database, a network or a clock."""
