-- Jobs that a supervisor must approve before they begin; what callers upload; what units submit.
ALTER TABLE job DROP CONSTRAINT job_state_check;
ALTER TABLE job ADD CONSTRAINT job_state_check
    CHECK (state IN ('REVIEW', 'QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED'));
ALTER TABLE job ADD COLUMN size bigint NOT NULL DEFAULT 0,          -- of the question, for who reviews
                ADD COLUMN purpose text,
                ADD COLUMN reviewed_by text CHECK (reviewed_by <> caller);
CREATE INDEX job_review ON job (created_at) WHERE state = 'REVIEW';

-- Bodies too long for a question, kept until they are used or a day has passed.
CREATE TABLE upload (
    caller      text NOT NULL,
    name        text NOT NULL,
    sha256      bytea NOT NULL,
    size        bigint NOT NULL,
    content     bytea NOT NULL,                  -- encrypted
    stored_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, name)
);
CREATE INDEX upload_stored ON upload (stored_at);

-- A file that a unit submitted, and the batches that intake made of it.
CREATE TABLE submission (
    submission_id  uuid PRIMARY KEY,
    unit_id        text NOT NULL,                -- USCC of the unit; '' of a steward
    caller         text NOT NULL,
    file_name      text NOT NULL,
    kind           text,                         -- as given; null: told by the header
    sent_on        date,
    job_id         uuid NOT NULL,
    batches        uuid[] NOT NULL DEFAULT '{}',
    state          text NOT NULL DEFAULT 'RECEIVED'
                   CHECK (state IN ('RECEIVED', 'READING', 'DONE', 'REFUSED')),
    code           text,
    message        text,
    received_at    timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz
);
CREATE INDEX submission_of_unit ON submission (unit_id, received_at DESC, submission_id);
CREATE INDEX submission_newest ON submission (received_at DESC, submission_id);
