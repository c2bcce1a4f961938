"""The batch systems, each as data: commands, a template, and how to read answers."""
