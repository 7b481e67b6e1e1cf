"""The one user there is."""

USER_ID = "71234567"
USER_NAME = "Sandbox User"
USER_EMAIL = "sandbox@example.com"
