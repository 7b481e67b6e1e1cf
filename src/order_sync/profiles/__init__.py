"""The profiles that come with order-sync: TOML files, meant to be read and copied."""
