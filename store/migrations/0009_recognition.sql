-- Grading schemes, mappings of their grades between cities, and tokens by which persons are matched.

CREATE TABLE grading_scheme (
    scheme     text NOT NULL,
    version    text NOT NULL,
    name       text NOT NULL,
    region_id  text,                             -- null: no city's own, a sector's
    scale      text NOT NULL CHECK (scale IN ('ORDINAL', 'NUMERIC')),
    minimum    numeric,
    maximum    numeric,
    grades     text[] NOT NULL,                  -- best first
    least      numeric[],                        -- lowest score of each grade
    PRIMARY KEY (scheme, version)
);

-- A signed note, immutable; its rows in reach of SQL. Score intervals include low, not below.
CREATE TABLE grade_mapping (
    mapping_id    text PRIMARY KEY,
    agreement_id  text NOT NULL,
    note          bytea NOT NULL,
    scheme        text NOT NULL,
    version       text NOT NULL,
    purposes      text[] NOT NULL,
    valid_from    date NOT NULL,
    valid_to      date,
    loaded_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX grade_mapping_scheme ON grade_mapping (scheme, version);
CREATE TABLE grade_mapping_row (
    mapping_id  text NOT NULL,
    position    smallint NOT NULL,
    grade       text,
    low         numeric,
    below       numeric,                         -- null: up to and with the scheme's maximum
    band        text NOT NULL CHECK (band IN ('EXCELLENT', 'GOOD', 'FAIR', 'POOR')),
    PRIMARY KEY (mapping_id, position)
);

-- HMAC of a person's document number under an agreement's key: how two cities meet a person (X08).
CREATE TABLE person_token (
    agreement_id  text NOT NULL,
    token         bytea NOT NULL,
    subject_id    uuid NOT NULL,
    PRIMARY KEY (subject_id, agreement_id)
);
CREATE INDEX person_token_match ON person_token (agreement_id, token);
-- How far the persons of this node were given tokens: first all by id, then along the outbox.
CREATE TABLE person_token_progress (
    agreement_id  text PRIMARY KEY,
    scanned       uuid,                          -- null: everybody was scanned once
    xid           xid8 NOT NULL,
    seq           bigint NOT NULL
);
