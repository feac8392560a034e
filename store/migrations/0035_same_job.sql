-- A job that may be asked for again: digest of who asks what of which state, under which scope.
ALTER TABLE job ADD COLUMN likeness bytea;
CREATE INDEX job_alike ON job (caller, likeness) WHERE likeness IS NOT NULL;
