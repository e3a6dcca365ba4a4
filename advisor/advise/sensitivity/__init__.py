"""What changes the choice: the load, the prices, the limits; where, and how sure that is."""
