"""Sample orders that come with order-sync, and what a sync of them has to do."""
