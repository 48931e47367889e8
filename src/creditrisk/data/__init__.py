"""Raw files: where they come from, how they are read, how applicants are split."""
