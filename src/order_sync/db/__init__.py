"""Every SQL statement. Functions take a connection; the caller owns the transaction."""
