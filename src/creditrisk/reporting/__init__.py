"""HTML and plots for people."""
