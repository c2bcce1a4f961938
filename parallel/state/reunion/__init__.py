"""What a controller that was started again has yet to bring together."""
