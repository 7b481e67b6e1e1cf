"""The monday.com API: documents, answers, one attempt at a time. Knows nothing of the database."""
