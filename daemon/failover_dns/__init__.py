"""Keep DNS telling the truth about failover pairs."""
