"""The measured systems, each behind the same few operations."""
