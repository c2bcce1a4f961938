"""What a user's session holds: the client, its views and its results."""
