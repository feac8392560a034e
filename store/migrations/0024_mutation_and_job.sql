-- Changes that callers ask for, each done once per key of theirs; long answers as jobs.

-- What a change was answered, kept so that the same request again changes nothing.
CREATE TABLE mutation (
    caller      text NOT NULL,
    client_key  text NOT NULL,
    field       text NOT NULL,
    input       bytea NOT NULL,                  -- keyed digest of the arguments
    outcome     bytea,                           -- the answer, encrypted; set in the same transaction
    done_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, client_key)
);
CREATE INDEX mutation_done ON mutation (done_at);

CREATE TABLE job (
    job_id        uuid PRIMARY KEY,
    caller        text NOT NULL,
    kind          text NOT NULL,
    content       bytea NOT NULL,                -- who asks on what grounds, and the arguments; encrypted
    shape         bytea,                         -- digest of the scope that its result was made for
    state         text NOT NULL DEFAULT 'QUEUED'
                  CHECK (state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED')),
    stage         text NOT NULL DEFAULT '',
    done          bigint NOT NULL DEFAULT 0,
    total         bigint,
    rows          bigint NOT NULL DEFAULT 0,
    attempts      smallint NOT NULL DEFAULT 0,
    holder        uuid,                          -- the attempt that may write
    lease_until   timestamptz,
    cancel_asked  boolean NOT NULL DEFAULT false,
    code          text,
    message       text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz,
    expires_at    timestamptz
);
CREATE INDEX job_of_caller ON job (caller, created_at DESC, job_id);
CREATE INDEX job_open ON job (created_at) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX job_expiring ON job (expires_at) WHERE expires_at IS NOT NULL;

-- A result in the order of its parts; each was logged before it was stored.
CREATE TABLE job_part (
    job_id    uuid NOT NULL,
    part      integer NOT NULL,
    content   bytea NOT NULL,                    -- encrypted
    rows      integer NOT NULL,
    subjects  bytea NOT NULL DEFAULT '',         -- references and record ids, 16 bytes each
    records   bytea NOT NULL DEFAULT '',
    coordinates  text[] NOT NULL DEFAULT '{}',
    masked    text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (job_id, part)
);

-- Decisions that end or mark a record: proposed by one steward, carried out by another's word.
CREATE TABLE record_decision (
    decision_id  uuid PRIMARY KEY,
    record_id    uuid NOT NULL,
    act          text NOT NULL CHECK (act IN ('WITHDRAW', 'REPAIR')),
    reason       bytea NOT NULL,                 -- encrypted
    state        text NOT NULL DEFAULT 'PROPOSED'
                 CHECK (state IN ('PROPOSED', 'CONFIRMED', 'REFUSED')),
    proposed_by  text NOT NULL,
    proposed_at  timestamptz NOT NULL DEFAULT now(),
    decided_by   text CHECK (decided_by <> proposed_by),
    decided_at   timestamptz
);
CREATE UNIQUE INDEX record_decision_open ON record_decision (record_id) WHERE state = 'PROPOSED';
CREATE INDEX record_decision_newest ON record_decision (proposed_at DESC, decision_id);
