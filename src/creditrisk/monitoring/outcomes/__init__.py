"""What became of the applicants: loading outcomes, performance before and after they are known."""
