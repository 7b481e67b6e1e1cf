"""order-sync publishes a SQL table of orders to a monday.com board, exactly once."""

__version__ = "0.1.0"
