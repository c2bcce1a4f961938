"""Views: some engines, or any, and what can be asked of them."""
