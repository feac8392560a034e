"""Between cities: agreements, sharing feed, mirror."""
