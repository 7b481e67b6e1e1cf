"""A second stand-in for monday.com, on the official SDL, for the acceptance tests only.

It shares no line with the product: neither with its client nor with its own sandbox. What the
published rules leave open (ids, the order of columns, the shape of settings) it does in another
way on purpose, so that a client which learned its own sandbox by heart fails here.
"""
