-- Who is restricted, what bodies share, and interests that parties declare of each other.

-- Subjects of class R (access rules §2: named units only, no traversal of the graph). Their
-- relations are of class R for as long as the row stands, whatever a later statement says.
CREATE TABLE restriction (
    subject_id  uuid PRIMARY KEY,
    reason      text NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now()
);

-- Addresses are compared without blanks and widths; the hash keeps the index small and its
-- operator leakproof, so that it serves under row-level security.
ALTER TABLE organisation ADD COLUMN address_hash bigint GENERATED ALWAYS AS (
    hashtextextended(upper(regexp_replace(normalize(address, NFKC), '\s', '', 'g')), 0)) STORED;
CREATE INDEX organisation_address ON organisation (address_hash) WHERE address_hash IS NOT NULL;

-- Interests as somebody declares them (BODS 0.4): indirect ones, votes, control, and those of
-- parties that are not named. Shown beside what is computed; no computation reads them.
CREATE TABLE declared_interest (
    subject_id        uuid NOT NULL,             -- the body in which the interest is held
    interest_id       uuid NOT NULL,
    party_id          uuid,                      -- null: nobody is named
    unnamed_reason    text,                      -- why not, as the declaration says
    interest_type     text NOT NULL,             -- a code of the standard's list, or unknownInterest
    directness        text NOT NULL CHECK (directness IN ('direct', 'indirect', 'unknown')),
    beneficial        boolean NOT NULL,
    share_min         numeric,                   -- fraction 0..1; equal to share_max when exact
    share_max         numeric,
    share_bounds      text NOT NULL DEFAULT '[]' CHECK (share_bounds IN ('[]', '[)', '(]', '()')),
    details           text,
    valid_from        date,
    valid_to          date,
    origin_region     text NOT NULL,
    class             char(1) NOT NULL CHECK (class IN ('O', 'G', 'A', 'R', 'I')),
    status            text NOT NULL DEFAULT 'VALID',
    statement_no      text NOT NULL,             -- the declaration's own number of its record
    components        jsonb NOT NULL DEFAULT '[]',
    source_unit_name  text NOT NULL,
    source_unit_uscc  text NOT NULL,
    stamp             timestamptz NOT NULL,
    batch_sha         bytea NOT NULL,
    batch_id          uuid,
    line_no           integer NOT NULL,
    recorded_from     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_id, interest_id)
);
CREATE INDEX declared_interest_party ON declared_interest (party_id, subject_id);
