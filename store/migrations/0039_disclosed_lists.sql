-- One row per entry for what it disclosed, its references in an array under GIN: an answer of a
-- thousand records made a thousand rows in two B-trees, more than half of what PostgreSQL spent on it.
-- The arrays are digests and random ids: nothing in them could be compressed. A short pending list
-- keeps the auditor's look-ups quick, and chosen, between two of its merges.
ALTER TABLE access_subject RENAME TO access_subject_each;
ALTER TABLE access_record RENAME TO access_record_each;
ALTER INDEX access_subject_pkey RENAME TO access_subject_each_pkey;
ALTER INDEX access_record_pkey RENAME TO access_record_each_pkey;

CREATE TABLE access_subject (
    leaf       bytea PRIMARY KEY,
    audit_refs bytea[] NOT NULL CHECK (cardinality(audit_refs) > 0)
);
CREATE TABLE access_record (
    leaf       bytea PRIMARY KEY,
    record_ids uuid[] NOT NULL CHECK (cardinality(record_ids) > 0)
);
ALTER TABLE access_subject ALTER COLUMN audit_refs SET STORAGE EXTERNAL;
ALTER TABLE access_record ALTER COLUMN record_ids SET STORAGE EXTERNAL;

INSERT INTO access_subject SELECT leaf, array_agg(audit_ref) FROM access_subject_each GROUP BY leaf;
INSERT INTO access_record SELECT leaf, array_agg(record_id) FROM access_record_each GROUP BY leaf;
DROP TABLE access_subject_each, access_record_each;

CREATE INDEX access_subject_refs ON access_subject USING gin (audit_refs)
    WITH (gin_pending_list_limit = 256);
CREATE INDEX access_record_ids ON access_record USING gin (record_ids)
    WITH (gin_pending_list_limit = 256);
