"""A page about runs: one HTML file with all that it shows inside."""
