"""What all parts of the page use: escaped markup, colours, quantities, the plotting library."""
