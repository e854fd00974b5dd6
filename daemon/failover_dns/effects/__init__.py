"""One class for each outside thing; no policy."""
