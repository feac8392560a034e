-- Agreements to act in concert 一致行动: who votes as one, in which company, since when. Every
-- statement is kept; the greatest of each member is what counts.
CREATE TABLE concert (
    subject_id        uuid NOT NULL,               -- the member
    concert_id        uuid NOT NULL,               -- UUIDv5 of (origin, agreement number)
    agreement_no      text NOT NULL,
    company_id        uuid,                        -- in which company; null: in all
    origin_region     text NOT NULL,
    valid_from        date,
    valid_to          date,                        -- not in force on and after this day
    source_unit_name  text NOT NULL,
    source_unit_uscc  text NOT NULL,
    stamp             timestamptz NOT NULL,
    batch_sha         bytea NOT NULL,
    line_no           integer NOT NULL,
    recorded_from     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_id, concert_id, stamp, batch_sha, line_no)
);
CREATE INDEX concert_by_agreement ON concert (concert_id);
