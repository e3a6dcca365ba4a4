"""What was seen: measurements of ours and of others, and the store that reads and writes them."""
