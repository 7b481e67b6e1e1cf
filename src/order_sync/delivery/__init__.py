"""Sending staged rows to monday.com exactly once: intent, attempt, outcome, settling."""
