-- What counting organisations over a whole city reads, without the organisations themselves. That of
-- records has hot columns as well: store/hot.py makes it.
CREATE INDEX organisation_tally ON organisation (subject_id) INCLUDE (region_id, industry, category,
    entity_type, reg_status, registered_capital, currency, established_on, deregistered_on, revoked_on)
    WHERE registered;
