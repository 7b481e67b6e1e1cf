"""A stand-in that speaks the protocol of SQL Server (TDS) and keeps its tables in SQLite.

With it Microsoft's own driver runs our statements in the tests. It is a test of the protocol and
of the dialect, not SQL Server: it locks whole databases, and knows only the T-SQL we write.
"""
