"""What every other package may use: settings, errors, reports, atomic files."""
