"""What is left of earlier controllers: taken in, told to the record, begun anew."""
