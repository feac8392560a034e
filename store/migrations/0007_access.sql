-- Whose a caller is, beside its role; and on what else a question may rest: the case that names
-- its subjects, the authorisation of a subject, the approval of a supervisor.

ALTER TABLE caller
    ADD COLUMN subject_id uuid,                  -- the subject itself 本人, for role SELF
    ADD COLUMN district   text;                  -- region whose subjects' class G data it may see

-- Subjects a caller may never ask about: its own and relatives' data (access rules §3, STEWARD).
CREATE TABLE caller_barred (
    caller_id  text NOT NULL REFERENCES caller (id),
    subject_id uuid NOT NULL,
    PRIMARY KEY (caller_id, subject_id)
);
CREATE TRIGGER caller_barred_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON caller_barred
    FOR EACH STATEMENT EXECUTE FUNCTION key_registry_changed();

-- A matter 事项 that a unit handles under a number, and the subjects that it names.
CREATE TABLE case_matter (
    unit_uscc  text NOT NULL,                    -- '' for the node's own stewards
    number     text NOT NULL,
    purpose    text NOT NULL CHECK (purpose ~ '^P[1-9][0-9]?$'),
    opened_by  text NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz,
    PRIMARY KEY (unit_uscc, number)
);
CREATE TABLE case_subject (
    subject_id uuid NOT NULL,
    unit_uscc  text NOT NULL,
    number     text NOT NULL,
    PRIMARY KEY (subject_id, unit_uscc, number)
);
CREATE INDEX case_subject_matter ON case_subject (unit_uscc, number);

-- Authorisation by the subject 授权 (access rules §4). Every use is counted before anything leaves.
CREATE TABLE authorisation (
    subject_id       uuid NOT NULL,
    authorisation_id text NOT NULL,
    grantee          text NOT NULL,              -- caller id
    kinds            text[] NOT NULL,
    purpose          text NOT NULL CHECK (purpose IN ('P9', 'P11')),
    valid_from       timestamptz NOT NULL,
    valid_to         timestamptz NOT NULL,
    max_uses         integer NOT NULL CHECK (max_uses > 0),
    used             integer NOT NULL DEFAULT 0 CHECK (used <= max_uses),
    method           text NOT NULL CHECK (method IN ('COUNTER', 'APP', 'SEAL')),
    evidence_hash    bytea,                      -- SHA-256 of the signed paper
    text_version     text NOT NULL,
    granted_by       text NOT NULL,
    granted_at       timestamptz NOT NULL DEFAULT now(),
    revoked_at       timestamptz,
    revoked_by       text,
    PRIMARY KEY (subject_id, authorisation_id),
    CHECK (valid_to > valid_from AND cardinality(kinds) > 0)
);
CREATE INDEX authorisation_named ON authorisation (authorisation_id);

-- Approval of class R by a supervisor: who asked, about whom, why, for how long.
CREATE TABLE approval (
    approval_id  text PRIMARY KEY,
    requester    text NOT NULL,                  -- caller id
    case_number  text NOT NULL,
    subjects     uuid[] NOT NULL,
    reason       text NOT NULL CHECK (reason <> ''),
    requested_at timestamptz NOT NULL DEFAULT now(),
    decided_by   text,
    decided_at   timestamptz,
    granted      boolean,
    decision     text,                           -- the supervisor's word
    valid_to     timestamptz,
    CHECK (decided_by IS NULL OR decided_by <> requester)
);
CREATE INDEX approval_of_case ON approval (requester, case_number);
