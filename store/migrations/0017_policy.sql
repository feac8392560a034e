-- Approvals are bound to the question that was approved; keys of fields are rotated in steps
-- that a crash interrupts without harm.
ALTER TABLE approval
    ADD COLUMN question_digest bytea CHECK (octet_length(question_digest) = 32),  -- null opens nothing
    ADD COLUMN question        bytea;                -- what was asked, encrypted, for who decides

-- The queue of a district: of the units whose USCC names its division (GB 32100, places 3 to 8).
CREATE INDEX quality_issue_district ON quality_issue (substr(unit_id, 3, 6), opened_at, issue_id)
    WHERE closed_at IS NULL;

CREATE TABLE field_rotation (
    key_use     text NOT NULL CHECK (key_use IN ('field', 'blind')),
    number      integer NOT NULL,            -- of the new key or epoch
    step        integer NOT NULL DEFAULT 0,  -- which table is gone through
    place       text NOT NULL DEFAULT '',    -- after which row of it
    changed     bigint NOT NULL DEFAULT 0,
    unreadable  bigint NOT NULL DEFAULT 0,   -- left under their old key
    started_by  text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (key_use, number)
);
