"""Numbers from facts and records: memory, speed, accuracy, each with an interval and a basis."""
