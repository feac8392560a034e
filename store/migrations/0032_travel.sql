-- Relations travel to partner cities; natural persons in them under a name that leads nowhere.

CREATE TABLE person_alias (
    subject_id  uuid PRIMARY KEY,
    alias       uuid NOT NULL DEFAULT gen_random_uuid()
);
