"""PostgreSQL, the system of record: subjects, identifiers, records and their clocks, intake."""
