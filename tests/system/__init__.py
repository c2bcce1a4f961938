"""Tests on several hosts: network namespaces of this one, which need root."""
