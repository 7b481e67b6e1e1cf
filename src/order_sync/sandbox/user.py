"""The user behind the token, and the people who work on the board by hand."""

ACCOUNT_ID = "9876543"
USER_ID = "71234567"
USER_NAME = "Sandbox User"
USER_EMAIL = "sandbox@example.com"

PERSON_ID = "71234568"  # whoever does something on the board itself
