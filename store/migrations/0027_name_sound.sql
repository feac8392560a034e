-- How open names sound: the fragments that candidates are found by, and the name with its readings
-- (store/sound.py). Null until `xinqiao search reindex`, or the running node, has read the name.
ALTER TABLE organisation_name ADD COLUMN sounds text[], ADD COLUMN spelt text;
CREATE INDEX organisation_name_sounds ON organisation_name USING gin (sounds);
CREATE INDEX organisation_name_unheard ON organisation_name (subject_id, name)
    WHERE sounds IS NULL;

-- Fragments that one name in fifty or more holds, of characters and of sounds: for a text of nothing
-- else an index finds too much. Kept by the running node from what ANALYZE saw (store/name.py).
CREATE TABLE common_fragment (
    fragment text PRIMARY KEY
);
