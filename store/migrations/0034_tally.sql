-- What counting records over a whole city reads, without the records themselves, and the few bodies
-- that such a count leaves out.
CREATE INDEX record_tally ON record (subject_id, kind) INCLUDE (decision_date, class, status,
    display_from, display_until, display_ended_on, query_until, subject_category);
CREATE INDEX organisation_unregistered ON organisation (subject_id) WHERE NOT registered;
